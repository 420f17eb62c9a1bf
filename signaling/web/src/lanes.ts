/** Carries tasks out in their order, no more than `width` of them at a time. */
export class Lanes {
  #free: number;
  readonly #waiting: (() => Promise<void>)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  /** The task must not reject: nobody waits for it here. */
  run(task: () => Promise<void>): void {
    this.#waiting.push(task);
    this.#next();
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.#waiting.length = 0;
  }

  #next(): void {
    if (this.#free === 0) return;
    const task = this.#waiting.shift();
    if (task === undefined) return;
    this.#free--;
    void task().finally(() => {
      this.#free++;
      this.#next();
    });
  }
}
