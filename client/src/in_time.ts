import { MeshError } from "./errors"

/** Runs a function of the application for at most some milliseconds; then it rejects with `ETIMEOUT`, and whatever comes of the function is passed over. */
export async function inTime<T>(ms: number, name: string, run: () => T): Promise<Awaited<T>> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new MeshError(`${name} took too long.`, "ETIMEOUT", "TimeoutError")), Math.min(ms, 2 ** 31 - 1))
  })
  try {
    return await Promise.race([run(), late])
  } finally {
    clearTimeout(timer)
  }
}
