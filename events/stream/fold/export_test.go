package fold

import "encoding/json"

// RuntimeState is what the runtime keeps of edges and sources, as text.
func RuntimeState(m *Machine) string {
	edges, _ := json.Marshal(m.edges)
	sources, _ := json.Marshal(m.sources)
	return string(edges) + string(sources)
}
