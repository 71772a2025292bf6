// Where an element's sound comes from. Simple servers send files whole alone: a browser
// then knows no position but the start, and with each switch a sound would begin anew.
// So from a server a sound is fetched whole when it is first played. Files of the file
// system cannot be fetched, and need not be.

const Sources = {
  _own: new Map(), // the element → its address in memory, or the promise of it

  fetched(source) {
    return /^https?:$/.test(location.protocol) && !source.startsWith("data:");
  },

  async _fetch(source) {
    try {
      const answer = await fetch(source);
      if (answer.ok) return URL.createObjectURL(await answer.blob());
    } catch (error) {
      // The element tries by itself, and says what is wrong.
    }
    return source;
  },

  // Give an element its sound; what has one keeps it.
  async give(element, source) {
    if (!this._own.has(element))
      this._own.set(element, this.fetched(source) ? this._fetch(source) : source);
    const found = await this._own.get(element);
    if (this._own.has(element) && !element.hasAttribute("src")) element.src = found;
  },

  // Take it away, with the memory that it needs.
  async take(element) {
    const own = this._own.get(element);
    this._own.delete(element);
    element.pause();
    element.removeAttribute("src");
    element.load();
    const found = await own;
    if (found && found.startsWith("blob:")) URL.revokeObjectURL(found);
  },
};
