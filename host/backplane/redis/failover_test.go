package redis_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

// What all replicas had to have before it was acknowledged survives the master. With
// fewer than all, the Sentinels may choose one that has it not.
func TestChaosSentinelFailover(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t)
	options := onSentinel(set)
	options.Replicas = 2
	s := startChaos(t, options)
	for range chaosRounds(t) {
		set.WaitFailover(t) // that before, if any, with replicas for the next
		set.Steady(t)
		s.pass(time.Second)
		s.wantOtherEpochs(func() {
			old := set.KillMaster(t)
			set.WaitFailover(t)
			set.Steady(t)
			old.Restart(t)
		})
		s.pass(2 * time.Second)
	}
	s.settle(promise{records: true})
}

func TestChaosClusterFailover(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	options := onCluster(c)
	options.Replicas = 1
	s := startChaos(t, options)
	for i := range chaosRounds(t) {
		s.pass(time.Second)
		// All masters in turn, first that of the records.
		old := c.KillMaster(t, (recordsThird+i)%3)
		c.WaitOK(t)
		old.Restart(t)
		c.WaitOK(t)
		s.pass(time.Second)
	}
	s.settle(promise{records: true})
}

// recordsThird is the third of a Cluster's slots with that of "{records}".
const recordsThird = 2

// A replica that lacks the last writes becomes the master: what was made of them
// is not taken for a past of what follows.
func TestSentinelLosesTail(t *testing.T) {
	t.Parallel()
	set := redistest.StartSentinel(t)
	s := startChaos(t, onSentinel(set))
	s.pass(time.Second)
	s.wantOtherEpochs(func() {
		cut := set.CutReplicas(t)
		lost := s.tail(chaosChannels[0])
		set.KillMaster(t)
		for _, replica := range cut {
			replica.Resume(t)
		}
		set.WaitFailover(t)
		s.pass(time.Second)
		s.settle(promise{})
		s.wantTailGone(lost)
	})
}

// On a Cluster it is so for what the master had that was killed; all else goes on.
func TestClusterLosesTail(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	s := startChaos(t, onCluster(c))
	ends := func(channel string) bool {
		return c.ThirdOf(s.nodes[0].node.(*redis.Node).SlotOf(channel)) == recordsThird
	}
	with := slices.IndexFunc(chaosChannels[:2], ends)
	if with < 0 || ends(chaosChannels[1-with]) {
		t.Fatal("the test needs one channel on the master with the records, and one elsewhere")
	}
	s.pass(time.Second)
	before := s.finalEpochs()
	cut := c.CutReplicas(t, recordsThird)
	lost := s.tail(chaosChannels[with])
	c.KillMaster(t, recordsThird)
	for _, replica := range cut {
		replica.Resume(t)
	}
	c.WaitOK(t)
	s.pass(time.Second)
	s.settle(promise{})
	s.wantTailGone(lost)
	for name, epoch := range s.finalEpochs() {
		if stays := name == chaosChannels[1-with]; stays != (epoch == before[name]) {
			t.Errorf("%s was in epoch %s and is in %s", name, before[name], epoch)
		}
	}
}

// tail is what was acknowledged before the master was killed, and is nowhere else:
// a record's version, a message's place.
type tail struct {
	version backplane.Version
	channel string
	place   backplane.Position
}

// tail writes a record and publishes a message on a channel until that is
// acknowledged.
func (s *chaos) tail(channel string) (lost tail) {
	s.Helper()
	lost.channel = channel
	s.await("a write", func() bool {
		made := s.append(s.nodes[0], chaosRecords[0], "tail ")
		if made != nil {
			lost.version = made.Version
		}
		return made != nil
	})
	s.await("a message", func() bool {
		at, sent := s.send(s.nodes[0], channel, "tail ")
		lost.place = at
		return sent
	})
	return lost
}

// wantTailGone fails where the tail is still there, which makes the test pointless,
// or taken for a past.
func (s *chaos) wantTailGone(lost tail) {
	s.Helper()
	ctx := context.Background()
	for _, n := range s.nodes {
		r, _, ok, err := n.node.Records().Since(ctx, chaosRecords[0], lost.version)
		if err != nil || ok || r.Epoch == lost.version.Epoch {
			s.Errorf("%s: %+v leads to %+v: %v, %v", n.node.ID(), lost.version, r.Version, ok, err)
		}
		page, err := n.node.Channels().Read(ctx, lost.channel, backplane.Query{})
		if err != nil || page.Epoch == lost.place.Epoch {
			s.Errorf("%s: %+v, and later %+v: %v", n.node.ID(), lost.place, page.Position, err)
		}
		for _, m := range page.Messages {
			if string(m.Data) == "tail " {
				s.Errorf("%s: the message that was lost is there: %+v", n.node.ID(), m.Position)
			}
		}
	}
}
