export * from './api.js';
export { type Context, getContext } from './process/contexts.js';
