package redis

import (
	"strings"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// changeFields is how many fields the frame of a change has: id, number, epoch,
// value, patch, previous, by, whether it is an expiry, and its place.
const changeFields = 9

// recordPlace is a place among the changes of all records: they are numbered as
// long as no era ends.
type recordPlace struct {
	era string
	seq int64
}

// reaches reports whether what is at a place has been seen, if all up to p has.
func (p recordPlace) reaches(at recordPlace) bool { return p.era == at.era && p.seq >= at.seq }

// changeFrame is a change as it was published, not decoded.
type changeFrame []field

// parseChange reads a frame of a change; nil where it is none.
func parseChange(text string) changeFrame {
	all, ok := fields(text, changeFields)
	if !ok {
		return nil
	}
	return all
}

func (f changeFrame) id() string { return f[0].text }

// place reads the era from the epoch, which ends with it.
func (f changeFrame) place() recordPlace {
	epoch := f[2].text
	return recordPlace{era: epoch[strings.LastIndexByte(epoch, '.')+1:], seq: f[8].number()}
}

// decode makes a change that may be kept, and keeps nothing else in memory.
func (f changeFrame) decode() backplane.RecordChange {
	return backplane.RecordChange{
		Record: backplane.Record{
			ID:      strings.Clone(f[0].text),
			Version: backplane.Version{Epoch: strings.Clone(f[2].text), Number: f[1].number()},
			Value:   f[3].bytes(),
		},
		Patch:    f[4].bytes(),
		Previous: f[5].bytes(),
		By:       strings.Clone(f[6].text),
		Expired:  f[7].text != "",
	}
}
