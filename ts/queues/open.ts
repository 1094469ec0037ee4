import { constantOf, ObjectKind, ObjectLayout, Opened, onOpen } from '../shared/objects.js';
import { JoinableQueue, Queue, QueueKind } from './queue.js';
import { SimpleQueue } from './simple-queue.js';

onOpen(ObjectKind.queue, (block) => {
  const kind = constantOf(block, ObjectLayout.c);
  if (kind === QueueKind.joinable) return new JoinableQueue(new Opened(block));
  return kind === QueueKind.simple ? new SimpleQueue(new Opened(block)) : new Queue(new Opened(block));
});
