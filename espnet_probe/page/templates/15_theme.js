// Light and dark: as the system has it, or as the reader says.

const Theme = {
  key: "espnet_probe.theme",

  start() {
    const choice = document.getElementById("theme");
    let kept = "auto";
    try {
      kept = localStorage.getItem(this.key) || "auto";
    } catch (error) {
      // Some browsers keep nothing for files.
    }
    choice.value = ["light", "dark"].includes(kept) ? kept : "auto";
    choice.addEventListener("change", () => this.set(choice.value));
    choice.parentElement.hidden = false;
    this.apply(choice.value);
  },

  set(name) {
    try {
      localStorage.setItem(this.key, name);
    } catch (error) {
      // It holds until the page is closed.
    }
    this.apply(name);
  },

  apply(name) {
    if (name === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", name);
  },
};
