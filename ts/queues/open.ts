import { memory } from '../internal/memory.js';
import { fieldOf, ObjectKind, ObjectLayout, onOpen, opened } from '../shared/objects.js';
import { JoinableQueue, Queue, QueueKind } from './queue.js';
import { SimpleQueue } from './simple-queue.js';

onOpen(ObjectKind.queue, (block) => {
  const kind = memory.u32[fieldOf(block, ObjectLayout.c) / 4];
  if (kind === QueueKind.joinable) return new JoinableQueue(opened(block));
  return kind === QueueKind.simple ? new SimpleQueue(opened(block)) : new Queue(opened(block));
});
