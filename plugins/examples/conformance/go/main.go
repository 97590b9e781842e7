// The conformance plugin has one command for each thing that a host must do
// right, and something of every kind that a plugin can register: every
// language's kit has the same one, and the same suite tests them.
package main

import (
	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

func init() { mesh.Main(setup) }

func main() {}

func setup(p *mesh.Plugin) error {
	p.Name("conformance")
	p.Version("1.0.0")

	p.Command("echo", echo)
	p.Command("add", add)
	p.Command("fail", fail)
	p.Command("whoami", whoami)
	p.Command("count", count)
	p.Command("send", send)
	p.Command("hooks", readHooks)

	operations(p)
	expose(p)
	exposeRecords(p)
	hooks(p)

	p.Command("spin", spin)
	p.Command("grow", grow)
	p.Command("trap", trap)
	p.Command("recurse", recurse)
	return nil
}
