// What @prsm/realtime 1.8.1 asks of its logger: configure({ level }), child()
// and a function for each level. Errors go to stderr, where a failing test shows
// them; the rest is dropped.
const levels = ["none", "error", "warn", "info", "debug"]
let level = levels.indexOf("error")

function logger() {
  const say = (at) => (...what) => {
    if (levels.indexOf(at) <= level) console.error(`@prsm/realtime ${at}:`, ...what)
  }
  return {
    configure({ level: name }) { level = levels.indexOf(name) },
    child: logger,
    error: say("error"), warn: say("warn"), info: say("info"), debug: say("debug"),
  }
}

export default logger()
