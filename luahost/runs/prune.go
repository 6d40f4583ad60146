package runs

import "os"

// prune forgets the oldest runs that have ended and cannot be resumed, but for
// the newest Keep of them. What goes wrong is for another time.
func (s Store) prune() {
	ids, err := s.ids()
	if err != nil || len(ids) < Keep {
		return
	}
	kept := 0
	for i := len(ids) - 1; i >= 0; i-- {
		if kept < Keep-1 { // one is about to be made
			kept++
		} else if s.isOver(ids[i]) {
			os.RemoveAll(s.Path(ids[i]))
		}
	}
}

// isOver tells whether a run has ended and cannot be resumed.
func (s Store) isOver(id string) bool {
	if s.InUse(id) {
		return false
	}
	state, err := s.State(id)
	return err == nil && !state.Resumable()
}
