//go:build linux

package main

// recordLoad is one measurement of a record's updates. Its script is made of what
// follows.
type recordLoad struct {
	fanLoad
	// Patches is how many listeners read patches; the others read values.
	Patches int `json:"patches"`
	// Size is that of the value in bytes.
	Size int `json:"size"`
	// Merge is whether updates carry the changed member only.
	Merge bool `json:"merge"`
	// Bare is whether the server is a laneFloor.
	Bare bool `json:"bare"`
}

func (l recordLoad) run() (sample, error) { return l.play(l.script()) }

// collectionLoad is one measurement of a collection whose members change.
type collectionLoad struct {
	fanLoad
	// Members is how many records the collection has, Size that of each value in
	// bytes.
	Members int `json:"members"`
	Size    int `json:"size"`
	// Beside is how many other collections are subscribed to; Elsewhere is
	// whether they are of other records, and not of those that other members of
	// the same values tell apart.
	Beside    int  `json:"beside"`
	Elsewhere bool `json:"elsewhere"`
	// Bare is whether the server is a laneFloor.
	Bare bool `json:"bare"`
}

func (l collectionLoad) run() (sample, error) { return l.play(l.script()) }
