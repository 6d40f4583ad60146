package lualib

import (
	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// tableSort is table.sort(t [, less]). It is lua5.1's own quicksort, so that
// elements which compare as equal, and orders that are none, end in the same
// places.
func tableSort(L *lua.LState) int {
	s := sorter{L: L, t: arg.Table(L, 1)}
	n := s.t.Len()
	if L.Get(2) != lua.LNil {
		s.order = arg.Function(L, 2)
	}
	s.sort(1, n)
	return 0
}

type sorter struct {
	L      *lua.LState
	t      *lua.LTable
	order  *lua.LFunction // nil is "<"
	rounds int
}

func (s *sorter) less(a, b lua.LValue) bool {
	s.rounds++
	watch(s.L, s.rounds)
	if s.order != nil {
		return lua.LVAsBool(call(s.L, s.order, a, b))
	}
	return less(s.L, a, b)
}

// exchange swaps the values in i and j, which are a and b.
func (s *sorter) exchange(i, j int, a, b lua.LValue) {
	put(s.t, i, b)
	put(s.t, j, a)
}

// sort sorts the elements from low to up, the larger part of them by going on
// in the loop.
func (s *sorter) sort(low, up int) {
	for low < up {
		if a, b := at(s.t, low), at(s.t, up); s.less(b, a) {
			s.exchange(low, up, a, b)
		}
		if up-low == 1 {
			return
		}
		middle := (low + up) / 2
		s.median(low, middle, up)
		if up-low == 2 {
			return
		}
		pivot := at(s.t, middle)
		s.exchange(middle, up-1, pivot, at(s.t, up-1))
		i := s.partition(low, up, pivot)
		if i-low < up-i {
			s.sort(low, i-1)
			low = i + 1
		} else {
			s.sort(i+1, up)
			up = i - 1
		}
	}
}

// median brings the median of three elements into the middle.
func (s *sorter) median(low, middle, up int) {
	a, b := at(s.t, middle), at(s.t, low)
	if s.less(a, b) {
		s.exchange(middle, low, a, b)
		return
	}
	if b = at(s.t, up); s.less(b, a) {
		s.exchange(middle, up, a, b)
	}
}

// partition separates the values below the pivot, which is in up-1, from the rest
// and returns the pivot's new index.
func (s *sorter) partition(low, up int, pivot lua.LValue) int {
	i, j := low, up-1
	for {
		var a, b lua.LValue
		for i++; ; i++ {
			if a = at(s.t, i); !s.less(a, pivot) {
				break
			}
			s.check(i <= up)
		}
		for j--; ; j-- {
			if b = at(s.t, j); !s.less(pivot, b) {
				break
			}
			s.check(j >= low)
		}
		if j < i {
			break
		}
		s.exchange(i, j, a, b)
	}
	s.exchange(up-1, i, at(s.t, up-1), at(s.t, i))
	return i
}

// check fails where only an order that contradicts itself leads.
func (s *sorter) check(inside bool) {
	if !inside {
		arg.Fail(s.L, "invalid order function for sorting")
	}
}
