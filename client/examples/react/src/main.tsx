import { MeshClient } from "@mesh-host/client"
import { MeshProvider, useChannel, useConnection, usePresence, useRecord } from "@mesh-host/client/react"
import { StrictMode, useState, type FormEvent, type PointerEvent, type ReactElement } from "react"
import { createRoot } from "react-dom/client"
import "./style.css"

interface Me { name: string; color: string; x?: number; y?: number }
interface Said { name: string; color: string; text: string }

// The page and the server are one origin; while developing, Vite has the page.
const server = location.port === "5173" ? "localhost:8080" : location.host
const client = new MeshClient(`${location.protocol === "https:" ? "wss" : "ws"}://${server}/`, { retryConnect: true, decode: (text) => JSON.parse(text) })

const names = ["Otter", "Heron", "Lynx", "Wren", "Hare", "Finch", "Seal", "Stoat"]
const me: Me = { name: names[Math.floor(Math.random() * names.length)]!, color: `hsl(${Math.floor(Math.random() * 360)} 70% 45%)` }

function Everyone(): ReactElement {
  const { connectionId } = useConnection()
  const { present, states, setState } = usePresence<Me>("lobby")
  const point = (event: PointerEvent): void => void setState({ ...me, x: event.clientX / innerWidth, y: event.clientY / innerHeight }, { expireAfter: 10_000 })
  const others = present.filter((id) => id !== connectionId)
  return (
    <div className="field" onPointerMove={point}>
      <p>{others.length === 0 ? "Nobody else is here yet: open this page in a second window." : `You and ${others.length} more. Move your pointer.`}</p>
      {others.map((id) => states[id]?.x !== undefined && (
        <i key={id} className="cursor" style={{ left: `${states[id].x * 100}vw`, top: `${states[id].y! * 100}vh`, background: states[id].color }}>{states[id].name}</i>
      ))}
    </div>
  )
}

function Counter(): ReactElement {
  const { record, set, loading } = useRecord<number>("counter", { optimistic: true })
  // What set is given is called again if someone else was faster: no click is lost.
  return <button disabled={loading} onClick={() => void set((count) => (count ?? 0) + 1)}>{record ?? 0} clicks by everyone</button>
}

function Chat(): ReactElement {
  const { messages, first, publish, error } = useChannel<Said>("chat", { historyLimit: 50 })
  const [text, setText] = useState("")
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (text && (await publish({ name: me.name, color: me.color, text })).success) setText("")
  }
  return (
    <section>
      <ol>{messages.map((said, i) => <li key={first + i}><b style={{ color: said.color }}>{said.name}</b> {said.text}</li>).reverse()}</ol>
      <form onSubmit={(event) => void send(event)}>
        <input value={text} onChange={(event) => setText(event.target.value)} placeholder={`Say something, ${me.name}`} aria-label="Message" />
        {error && <small>{error.message}</small>}
      </form>
    </section>
  )
}

function App(): ReactElement {
  const { status } = useConnection()
  return <main><header><h1>Together</h1><span className={status}>{status}</span><Counter /></header><Everyone /><Chat /></main>
}

createRoot(document.getElementById("root")!).render(<StrictMode><MeshProvider client={client}><App /></MeshProvider></StrictMode>)
