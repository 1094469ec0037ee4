import { expect, test } from 'vitest';
import { chaos } from '../chaos.js';

test('threads and processes are ended at random for ten minutes', async ({ task }) => {
  const { tasks, kills, timedOut, lost, put, missing, recovered } = await chaos(600);
  expect(Math.min(tasks, kills, timedOut, lost, put, recovered)).toBeGreaterThan(0);
  task.meta.figures = {
    'tasks, each settled once': tasks,
    'children killed': kills,
    'threads ended in their tasks': timedOut,
    'tasks lost with their workers': lost,
    'items put': put,
    'items missing, each with a dead taker': missing,
    'locks recovered': recovered,
  };
}, 1_200_000);
