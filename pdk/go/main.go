package mesh

// setup is what Main was given.
var setup func(*Plugin) error

// Main says how to set the plugin up. Call it from an init function, as a
// plugin's main is never run:
//
//	func init() { mesh.Main(setup) }
//
//	func main() {}
//
// The host runs the function first in every instance. An error it returns is a
// load error that the host reports.
func Main(fn func(*Plugin) error) { setup = fn }
