import { afterAll, beforeAll } from "vitest"
import { startHost, startRedis, type Host } from "./host"

/**
 * Starts the hosts that the tests of a block share, before them, and ends them afterwards: two
 * nodes on a Redis, or one in memory, which then stands for both.
 */
export function sharedHosts(onRedis: boolean): [Host, Host] {
  const hosts = [] as unknown as [Host, Host]
  const ends: (() => Promise<void>)[] = []
  const afterwards = (end: () => Promise<void>): void => void ends.unshift(end)
  beforeAll(async () => {
    const redis = onRedis ? await startRedis(afterwards) : undefined
    hosts[0] = await startHost({ redis }, afterwards)
    hosts[1] = onRedis ? await startHost({ redis }, afterwards) : hosts[0]
  })
  afterAll(async () => {
    for (const end of ends) await end()
  })
  return hosts
}
