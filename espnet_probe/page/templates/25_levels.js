// How loud sounds are played. Nothing is turned up, so no peak is ever cut: all sounds
// of an utterance are turned down to the quietest one.

const Levels = {
  // Sounds that are this much quieter than the loudest are not waited for: one that is
  // nearly silent would silence all others.
  most: 30,

  reference(utterance) {
    const levels = (utterance.sounds || [])
      .filter((sound) => Number.isFinite(sound.level) && sound.audio)
      .map((sound) => sound.level);
    if (!levels.length) return null;
    const loudest = Math.max(...levels);
    return Math.min(...levels.filter((level) => level >= loudest - this.most));
  },

  // Decibels by which a sound is turned; 0 or less.
  gain(sound, utterance, trueLevels) {
    const reference = this.reference(utterance);
    if (trueLevels || reference === null || !Number.isFinite(sound.level)) return 0;
    return Math.min(0, reference - sound.level);
  },

  volume(sound, utterance, trueLevels) {
    return 10 ** (this.gain(sound, utterance, trueLevels) / 20);
  },

  // On some telephones the volume belongs to the keys of the telephone alone.
  possible() {
    const probe = new Audio();
    probe.volume = 0.5;
    return probe.volume === 0.5;
  },
};
