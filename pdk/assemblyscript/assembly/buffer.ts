/** The capacity in bytes up to which a buffer is kept from one use to the next. */
const KEPT: usize = 256 << 10;

/**
 * Memory that grows on demand and lies outside the garbage collector's, so that
 * using it again and again leaves nothing to collect.
 */
export class Buffer {
  /** Where the bytes are, until the next one is added. */
  start: usize = 0;
  length: usize = 0;
  private capacity: usize = 0;

  /** Empties the buffer, and gives memory back that only a large use needed. */
  reset(): void {
    this.length = 0;
    if (this.capacity > KEPT) {
      heap.free(this.start);
      this.start = 0;
      this.capacity = 0;
    }
  }

  /** Adds room for so many bytes and returns where they are. */
  add(size: usize): usize {
    const length = this.length;
    const needed = length + size;
    if (needed > this.capacity) this.grow(needed);
    this.length = needed;
    return this.start + length;
  }

  private grow(needed: usize): void {
    const capacity = max<usize>(512, max<usize>(needed, this.capacity << 1));
    this.start = this.start == 0 ? heap.alloc(capacity) : heap.realloc(this.start, capacity);
    this.capacity = capacity;
  }
}
