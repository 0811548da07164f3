package mesh

import "slices"

// maxCycles bounds how many cycles are spelled out: a mesh may have more of
// them than anyone can read.
const maxCycles = 10

// Cycles returns the cycles of the graph, each as its links in order, starting
// at its first function in the file's order: for every link that closes a
// cycle the shortest one, at most ten in all.
func (p *Plan) Cycles() [][]*Link {
	var cycles [][]*Link
	seen := make(map[string]bool)
	for _, l := range p.Links {
		path := shortest(l.To, l.From)
		if path == nil {
			continue
		}
		cycle := append([]*Link{l}, path...)
		first := 0
		for i := range cycle {
			if cycle[i].From.Index < cycle[first].From.Index {
				first = i
			}
		}
		cycle = slices.Concat(cycle[first:], cycle[:first])
		key := ""
		for _, l := range cycle {
			key += l.From.KubeName + "/"
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		cycles = append(cycles, cycle)
		if len(cycles) == maxCycles {
			break
		}
	}
	return cycles
}

// shortest returns the links of a shortest way between two different
// functions, or nil.
func shortest(from, to *Function) []*Link {
	came := map[*Function]*Link{from: nil}
	for queue := []*Function{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			var path []*Link
			for l := came[to]; l != nil; l = came[l.From] {
				path = append(path, l)
			}
			slices.Reverse(path)
			return path
		}
		for _, l := range queue[0].Out {
			if _, ok := came[l.To]; !ok {
				came[l.To] = l
				queue = append(queue, l.To)
			}
		}
	}
	return nil
}
