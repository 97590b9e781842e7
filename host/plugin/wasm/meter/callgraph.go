package meter

// callGraph says which functions can be entered again while they run. Functions
// are numbered by their bodies; one further node stands for call_indirect, which
// may reach every function that is a value somewhere. Imported functions are
// the host's, and lead nowhere.
type callGraph struct {
	m     *module
	calls []uint32 // of all functions, one after the other
	first []uint32 // where a function's begin in calls

	indirect uint32 // what an indirect call is charged for the function that it reaches

	// The depth-first search for cycles (Tarjan's), without recursion of its own.
	next    uint32
	number  []uint32 // when a node was found; 0 if it was not
	low     []uint32
	done    []bool
	stack   []uint32
	visits  []visit
	longest []int64 // the slots of the frames that can be on top of each other uncounted, from a node on
	deepest int64
}

// visit is a node that is being searched, and which of its calls is next.
type visit struct {
	node, call uint32
}

// add adds the calls of the next function.
func (g *callGraph) add(calls []uint32) {
	g.first = append(g.first, uint32(len(g.calls)))
	g.calls = append(g.calls, calls...)
}

// settle decides which functions are charged by their callers, and for which
// the depth is counted.
func (g *callGraph) settle(depth int32) {
	functions := len(g.m.bodies)
	g.first = append(g.first, uint32(len(g.calls)))
	for i := range g.m.bodies {
		if f := g.m.importedFunctions + i; g.m.referred != nil && g.m.referred[f] {
			g.calls = append(g.calls, uint32(i))
		}
	}
	g.first = append(g.first, uint32(len(g.calls)))
	nodes := functions + 1
	g.number, g.low, g.done, g.longest = make([]uint32, nodes), make([]uint32, nodes), make([]bool, nodes), make([]int64, nodes)
	for node := range nodes {
		if g.number[node] == 0 {
			g.search(uint32(node))
		}
	}
	for i := range g.m.bodies {
		b := &g.m.bodies[i]
		if g.m.referred != nil && g.m.referred[g.m.importedFunctions+i] {
			g.indirect = max(g.indirect, b.inline)
		}
		if g.deepest > int64(depth) {
			b.counted = true
		}
	}
}

// call returns a node's call: its direct ones, then the indirect one.
func (g *callGraph) call(v visit) (node uint32, ok bool) {
	from, to := g.first[v.node], g.first[v.node+1]
	if from+v.call < to {
		return g.calls[from+v.call], true
	}
	indirect := uint32(len(g.m.bodies))
	return indirect, from+v.call == to && v.node != indirect && g.m.bodies[v.node].indirect
}

func (g *callGraph) enter(node uint32) {
	g.next++
	g.number[node], g.low[node] = g.next, g.next
	g.stack = append(g.stack, node)
	g.visits = append(g.visits, visit{node: node})
}

func (g *callGraph) search(root uint32) {
	g.enter(root)
	for len(g.visits) > 0 {
		v := &g.visits[len(g.visits)-1]
		if callee, ok := g.call(*v); ok {
			v.call++
			switch {
			case g.number[callee] == 0:
				g.enter(callee)
			case !g.done[callee]:
				g.low[v.node] = min(g.low[v.node], g.number[callee])
			}
			continue
		}
		node := v.node
		g.visits = g.visits[:len(g.visits)-1]
		if len(g.visits) > 0 {
			caller := g.visits[len(g.visits)-1].node
			g.low[caller] = min(g.low[caller], g.low[node])
		}
		if g.low[node] == g.number[node] {
			g.component(node)
		}
	}
}

// component takes functions that call each other, or one alone, off the stack.
// What they call beyond that was settled before.
func (g *callGraph) component(root uint32) {
	from := len(g.stack) - 1
	for g.stack[from] != root {
		from--
	}
	members := g.stack[from:]
	g.stack = g.stack[:from]
	cyclic := len(members) > 1 || g.callsItself(root)
	var longest int64
	for _, node := range members {
		g.done[node] = true
		g.eachCall(node, func(callee uint32) { longest = max(longest, g.longest[callee]) })
	}
	for _, node := range members {
		g.longest[node] = longest
		if int(node) == len(g.m.bodies) {
			continue
		}
		b := &g.m.bodies[node]
		b.counted = cyclic
		if !cyclic {
			g.longest[node] += int64(b.weight())
			g.inline(node)
		}
		g.deepest = max(g.deepest, g.longest[node])
	}
}

func (g *callGraph) eachCall(node uint32, do func(callee uint32)) {
	for v := (visit{node: node}); ; v.call++ {
		callee, ok := g.call(v)
		if !ok {
			return
		}
		do(callee)
	}
}

func (g *callGraph) callsItself(node uint32) (itself bool) {
	g.eachCall(node, func(callee uint32) { itself = itself || callee == node })
	return itself
}

// inline leaves a small function to be charged by its callers, together with
// the small functions that it calls.
func (g *callGraph) inline(node uint32) {
	b := &g.m.bodies[node]
	units := b.cost
	small := !b.loops && !b.indirect
	g.eachCall(node, func(callee uint32) {
		if int(callee) == len(g.m.bodies) || g.m.bodies[callee].inline == 0 || units > inlineCost {
			small = false
			return
		}
		units += g.m.bodies[callee].inline
	})
	if small && units <= inlineCost {
		b.inline = units
	}
}

// weight is what a call of the function counts for.
func (b *body) weight() int32 { return 1 + int32(b.slots/slotsPerDepth) }
