import { onTestFinished } from "vitest"
import WebSocket from "ws"
import { MeshClient, type MeshClientOptions } from "../../src"

/** Makes a client that ends with the test; it has not connected yet. */
export function newClient(url: string | string[], options: MeshClientOptions = {}): MeshClient {
  const client = new MeshClient(url, { WebSocket, reconnectInterval: 20, maxReconnectInterval: 200, ...options })
  onTestFinished(() => client.close())
  return client
}

/** Makes a client that is connected. */
export async function connected(url: string | string[], options?: MeshClientOptions): Promise<MeshClient> {
  const client = newClient(url, options)
  await client.connect()
  return client
}
