/** Runs what is not the pool's. What it throws is for the process to see, and no reason for the pool to stop. */
export function outside(run: () => void): void {
  try {
    run();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
