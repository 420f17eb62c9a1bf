// A WebSocket with requests and their answers, told apart by what each server calls their number.

const ANSWER_MAX_MS = 10_000;

export class Requests {
  #socket;
  #waiting = new Map();
  #last = 0;

  /** `read` gives `{ id, data, error }` of an answer, and nothing for what is none; that goes to `told`. */
  static open(url, protocols, read, told = () => {}) {
    const requests = new Requests();
    const socket = new WebSocket(url, protocols);
    requests.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data);
      const answer = read(message);
      const waiting = answer && requests.#waiting.get(answer.id);
      if (!waiting) return told(message);
      requests.#waiting.delete(answer.id);
      if (answer.error) waiting.reject(new Error(`${waiting.what}: ${answer.error}`));
      else waiting.resolve(answer.data);
    });
    return new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve(requests));
      socket.addEventListener('error', () => reject(new Error(`no WebSocket at ${url}`)));
    });
  }

  /** `write` makes the message from its number. */
  ask(what, write) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} was not answered within ${ANSWER_MAX_MS} ms`)), ANSWER_MAX_MS);
      const done = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#waiting.set(id, { what, resolve: done(resolve), reject: done(reject) });
      this.#socket.send(JSON.stringify(write(id)));
    });
  }

  /** A message whose answer does not matter. */
  tell(write) {
    this.#socket.send(JSON.stringify(write(++this.#last)));
  }

  close() {
    this.#socket.close();
  }
}
