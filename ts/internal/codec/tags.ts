/**
 * The first byte of every value in a message. `docs/codec.md` describes what follows each of them.
 * Tags from 0xf0 up are free.
 */

/** 0x00–0x7f: the integer itself. */
export const SMALL_INT_END = 0x80;
/** 0x80–0x8f: a Latin-1 string of 0–15 units. */
export const SHORT_STRING = 0x80;
export const SHORT_STRING_END = 0x90;
/** 0x90–0x9f: an array of 0–15 elements. */
export const SHORT_ARRAY = 0x90;
export const SHORT_ARRAY_END = 0xa0;
/** 0xa0–0xbf: an object of one of the message's first 32 shapes. */
export const OBJECT = 0xa0;
export const OBJECT_END = 0xc0;

export const UNDEFINED = 0xc0;
export const NULL = 0xc1;
export const FALSE = 0xc2;
export const TRUE = 0xc3;
export const INT32 = 0xc4;
export const FLOAT64 = 0xc5;
export const BIGINT64 = 0xc6;
export const BIGINT_HEX = 0xc7;
export const LATIN1 = 0xc8;
export const UCS2 = 0xc9;
export const SHORT_UCS2 = 0xca;

export const ARRAY = 0xd0;
export const INT32_COLUMN = 0xd1;
export const FLOAT64_COLUMN = 0xd2;
export const NAMED_ARRAY = 0xd3;
/** Only among the elements of an array. */
export const HOLES = 0xd4;
export const NEW_SHAPE = 0xd5;
export const OBJECT16 = 0xd6;
export const DICTIONARY = 0xd7;
export const CLASS = 0xd8;
export const REF = 0xd9;

export const MAP = 0xe0;
export const SET = 0xe1;
export const DATE = 0xe2;
export const REGEXP = 0xe3;
export const BOXED = 0xe4;
export const BUFFER = 0xe5;
export const VIEW = 0xe6;
export const ERROR = 0xe7;
export const FUNCTION = 0xe8;
export const ATTACHED = 0xe9;
export const THROWN = 0xea;
export const HANDLE = 0xeb;
export const DESCRIBED = 0xec;

/** Flags in the first byte of a message: something in it is met twice. */
export const HAS_REFS = 1;
/** A table of buffers follows the values. */
export const HAS_BUFFERS = 2;
/** A count and that many values, instead of one value. */
export const MANY = 4;
/** With MANY: no value shares objects with another, and references count from its beginning. */
export const INDEPENDENT = 8;
export const ALL_FLAGS = 15;
