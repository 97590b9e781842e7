import type { ReactElement } from "react"
import { renderToString } from "react-dom/server"
import { expect, test } from "vitest"
import { MeshProvider, useChannel, useCollection, useConnection, usePresence, useRecord } from "@mesh-host/client/react"
import { newClient } from "./support/client"

test("a server renders the hooks, and connects nowhere", async () => {
  const client = newClient("ws://127.0.0.1:9/")
  const Page = (): ReactElement => (
    <p>
      {[
        useConnection().status, useChannel("news").status, usePresence("lobby").status, useChannel(null).status,
        useRecord("task:1").loading, useCollection("todo").loading, useRecord(undefined).loading,
      ].join(" ")}
    </p>
  )
  expect(renderToString(<MeshProvider client={client}><Page /></MeshProvider>)).toBe("<p>offline subscribing subscribing off true true false</p>")
  expect(client.status).toBe("offline")
})
