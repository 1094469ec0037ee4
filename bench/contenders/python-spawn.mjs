import Python from './python.mjs';

/** The same with the start method `spawn`: fresh interpreters, as Node's workers are fresh isolates. */
export default class extends Python {
  get method() {
    return 'spawn';
  }
}
