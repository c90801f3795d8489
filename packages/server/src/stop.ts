/** Whether a server is on its way out: it says so to whoever asks `/readyz`, and connections end with their next answer. */
export class Stop {
  #isAnnounced = false

  get isAnnounced(): boolean {
    return this.#isAnnounced
  }

  announce(): void {
    this.#isAnnounced = true
  }
}
