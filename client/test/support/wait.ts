/** How long what should happen at once may take on a busy machine, in ms. */
export const patience = 20_000

/** Polls until a condition holds. */
export async function until(what: string, holds: () => unknown, within = patience): Promise<void> {
  const end = Date.now() + within
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`)
    await rest(5)
  }
}

/** Lets time pass. */
export const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
