import type { AnyFunction } from '../functions/definition.js';
import { type Describable, describeKey, handleKey, type SharedHandle } from '../handles.js';
import { registeredName } from './classes.js';
import type { Encoder } from './encoder.js';
import { writeError } from './errors.js';
import type { Thrown } from './hooks.js';
import { innerKind, Kind } from './kinds.js';
import { Unsendable } from './path.js';
import * as tags from './tags.js';
import { writeBoxed, writeDate, writeMap, writeRegExp, writeSet } from './values.js';

/** Writes an object that is no array and whose prototype is neither null nor that of plain objects. */
export function writeSpecial(out: Encoder, object: object, kind: Kind, prototype: object): void {
  switch (kind) {
    case Kind.plain:
      out.ownProperties(object);
      return;
    case Kind.map:
      writeMap(out, object as Map<unknown, unknown>);
      return;
    case Kind.set:
      writeSet(out, object as Set<unknown>);
      return;
    case Kind.date:
      writeDate(out, object as Date);
      return;
    case Kind.regexp:
      writeRegExp(out, object as RegExp);
      return;
    case Kind.boxed:
      writeBoxed(out, object);
      return;
    case Kind.buffer:
      out.buffers.writeBuffer(out, object as ArrayBuffer);
      return;
    case Kind.view:
      out.buffers.writeView(out, object as ArrayBufferView);
      return;
    case Kind.error:
      writeError(out, object as Error);
      return;
    case Kind.attached:
      out.byte(tags.ATTACHED);
      out.uint32(out.attach(object));
      return;
    case Kind.handle:
      out.byte(tags.HANDLE);
      out.uint32(out.named(object));
      out.byte((object as SharedHandle)[handleKey].facet);
      return;
    case Kind.described:
      writeDescribed(out, object as Describable);
      return;
    case Kind.thrown:
      out.byte(tags.THROWN);
      out.value((object as Thrown).error);
      return;
    case Kind.registered:
      writeClassName(out, registeredName(prototype) as string);
      writeSpecial(out, object, innerKind(object, prototype), prototype);
      return;
    default:
      throw new Unsendable(object);
  }
}

/** Names the registered class of the object that follows. */
export function writeClassName(out: Encoder, name: string): void {
  out.byte(tags.CLASS);
  out.string(name);
  out.reserve(0);
}

/** Writes a function that was not met before. */
export function writeFunction(out: Encoder, fn: AnyFunction): void {
  let definition: object;
  try {
    definition = out.hooks.define(fn);
  } catch (error) {
    throw new Unsendable(fn, error);
  }
  out.byte(tags.FUNCTION);
  out.value(definition);
}

function writeDescribed(out: Encoder, object: Describable): void {
  let described: ReturnType<Describable[typeof describeKey]>;
  try {
    described = object[describeKey]();
  } catch (error) {
    throw new Unsendable(object, error);
  }
  out.byte(tags.DESCRIBED);
  out.string(described.type);
  out.value(described.data);
}
