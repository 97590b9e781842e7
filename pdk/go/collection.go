package mesh

// Collections are sets of records that a client sees as one: who subscribes to a
// collection gets its records, what joins and leaves them, and their changes.
var Collections CollectionOperations

// CollectionOperations is the type of Collections.
type CollectionOperations struct{}

// Unsubscribe ends a connection's subscription to a collection and tells whether
// there was one. The client gets the reason, at most 123 bytes.
func (CollectionOperations) Unsubscribe(id, connectionID, reason string) (bool, error) {
	return callCollectionsUnsubscribe(id, connectionID, reason)
}

// Collection opens the collections that match a pattern; all others are closed
// to clients. Without options everyone may subscribe, and a change of any record
// has the resolver asked again.
//
// The resolver returns the ids of a collection's records, in its order: Name is
// the collection's id, and the connection the client's that subscribes, none
// where the collection is Shared. What the client may not read is left out, and
// so are records without a value. An error refuses the subscription; of a
// collection that a client has already it is logged, and nothing changes.
func (p *Plugin) Collection(pattern string, resolver func(*Call) ([]string, error), options ...CollectionOption) {
	number := p.add("collection", pattern, resolver == nil, handler{other: func(c *Call) []byte {
		ids, err := resolver(c)
		if err != nil {
			return c.memory.failure(statusError, err)
		}
		return c.reply(appendTexts(c.memory.scratch(), ids))
	}})
	o := Object().Text("pattern", pattern).Int("handler", number)
	for _, option := range options {
		option.collection(o)
	}
	p.document.collections = append(p.document.collections, o)
}

// CollectionOption is GuardedBy, DependsOn, Shared or Limit.
type CollectionOption interface{ collection(*ObjectBuilder) }

func (v GuardedBy) collection(o *ObjectBuilder) { o.Text("guard", string(v)) }

type dependsOn []string

func (v dependsOn) collection(o *ObjectBuilder) { o.Texts("records", v) }

// DependsOn names patterns of records: the resolver is asked again when one of
// these has changed, and only then. Name what it reads, too.
func DependsOn(records ...string) CollectionOption { return dependsOn(records) }

type shared struct{}

func (shared) collection(o *ObjectBuilder) { o.Bool("shared", true) }

// Shared says that the resolver answers the same for every client. It is then
// asked once for all of them, instead of once for each.
func Shared() CollectionOption { return shared{} }

// Limit is the most records of a collection, 1 to 1000; what the resolver names
// beyond it is left out, whether or not a client may read all that comes before.
// Default 100.
type Limit int

func (v Limit) collection(o *ObjectBuilder) { o.Int("limit", int64(v)) }
