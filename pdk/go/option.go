package mesh

// CommandOption is Concurrent or Using.
type CommandOption interface{ command(*ObjectBuilder) }

// MiddlewareOption is Global or an Order.
type MiddlewareOption interface{ middleware(*ObjectBuilder) }

// HookOption is an Order.
type HookOption interface{ hook(*ObjectBuilder) }

// ScheduleOption is OncePerCluster.
type ScheduleOption interface{ schedule(*ObjectBuilder) }

// Order sorts a global middleware or an authenticate hook among those of all
// plugins, as mesh.Order(10): lower runs first, equal ones by file name.
// Without one the plugin's own order counts.
type Order int

func (v Order) middleware(o *ObjectBuilder) { o.Int("order", int64(v)) }
func (v Order) hook(o *ObjectBuilder)       { o.Int("order", int64(v)) }

type concurrent struct{}

func (concurrent) command(o *ObjectBuilder) { o.Bool("concurrent", true) }

// Concurrent lets a command start on arrival, beside others of its session;
// without it the commands of one session run one after another.
func Concurrent() CommandOption { return concurrent{} }

type using []string

func (v using) command(o *ObjectBuilder) { o.Texts("middleware", v) }

// Using names the plugin's own middleware that runs before a command, in this
// order, after the global ones.
func Using(middleware ...string) CommandOption { return using(middleware) }

type global struct{}

func (global) middleware(o *ObjectBuilder) { o.Bool("global", true) }

// Global lets a middleware run before every command of every plugin, and
// before the built-in commands.
func Global() MiddlewareOption { return global{} }

type oncePerCluster struct{}

func (oncePerCluster) schedule(o *ObjectBuilder) { o.Text("scope", "cluster") }

// OncePerCluster lets a schedule run on one node at a time instead of on every
// node.
func OncePerCluster() ScheduleOption { return oncePerCluster{} }
