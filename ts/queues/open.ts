import { constantOf, ObjectKind, ObjectLayout, onOpen, opened } from '../shared/objects.js';
import { JoinableQueue, Queue, QueueKind } from './queue.js';
import { SimpleQueue } from './simple-queue.js';

onOpen(ObjectKind.queue, (block) => {
  const kind = constantOf(block, ObjectLayout.c);
  if (kind === QueueKind.joinable) return new JoinableQueue(opened(block));
  return kind === QueueKind.simple ? new SimpleQueue(opened(block)) : new Queue(opened(block));
});
