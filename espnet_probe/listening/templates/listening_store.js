// What a listening test keeps in the browser. A browser may refuse storage; the test then
// works as long as the page is open.
function listeningStore(test, refused) {
  "use strict";

  const prefix = `espnet_probe.listening.${test}.`;
  let keeps = true;

  function attempt(action) {
    try {
      return action();
    } catch (error) {
      keeps = false;
      return null;
    }
  }

  function read(name) {
    return attempt(() => localStorage.getItem(prefix + name));
  }

  function write(name, text) {
    attempt(() => localStorage.setItem(prefix + name, text));
    if (!keeps) refused();
  }

  function remove(name) {
    attempt(() => localStorage.removeItem(prefix + name));
  }

  function randomName() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  return { read, write, remove, randomName, keeps: () => keeps, place: (name) => prefix + name };
}
