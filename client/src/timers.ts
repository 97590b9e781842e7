import { failure } from "./errors"

/** Timers know no longer time, in ms. */
export const longest = 2 ** 31 - 1

/** Calls after so many ms, at most the longest that timers know; what is returned stops that. */
export function after(time: number, call: () => void): () => void {
  const timer = setTimeout(call, Math.min(time, longest))
  return () => clearTimeout(timer)
}

/**
 * Calls, in a turn of its own, what may take so many ms, and rejects with ETIMEOUT where it takes
 * longer; what is returned beside the promise rejects it at once.
 */
export function inTime<T>(time: number, what: string, call: () => T | PromiseLike<T>): [Promise<T>, () => void] {
  let end!: () => void
  const done = new Promise<T>((resolve, reject) => {
    const late = (): void => reject(failure("ETIMEOUT", what))
    const stop = after(time, late)
    end = () => {
      stop()
      late()
    }
    void Promise.resolve().then(call).then(resolve, reject).then(stop)
  })
  return [done, end]
}
