// What is selected, and what the search found: a mark for each label.

export class Choice {
  constructor(size) {
    this.chosen = new Uint8Array(size);
    this.matches = new Uint8Array(size);
    this.count = this.instances = this.found = 0;
    this.current = -1; // the match that the search stands on
  }

  // What stands out from the rest; nothing where all are alike.
  get strong() {
    return this.count ? this.chosen : this.found ? this.matches : null;
  }

  // Without a key the selection begins anew; Shift adds to it, Alt takes out of it.
  change({ shiftKey, altKey }, pick) {
    if (!shiftKey && !altKey) this.chosen.fill(0);
    pick((i) => { this.chosen[i] = altKey ? 0 : 1; });
  }

  tally(instances) {
    this.count = this.instances = 0;
    for (let i = 0; i < this.chosen.length; i++) if (this.chosen[i]) { this.count++; this.instances += instances[i]; }
  }

  search(texts, wanted) {
    this.matches.fill(0);
    this.found = 0;
    this.current = -1;
    for (let i = 0; wanted && i < texts.length; i++) if (texts[i].includes(wanted)) { this.matches[i] = 1; this.found++; }
  }

  // The next match, from the first again after the last; -1 where there is none.
  next() {
    if (!this.found) return -1;
    do this.current = (this.current + 1) % this.matches.length; while (!this.matches[this.current]);
    return this.current;
  }
}
