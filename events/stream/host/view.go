package host

import (
	"rollcall.dev/events/stream"
	"rollcall.dev/internal/problem"
)

// View is the state of the partition that a key belongs to, if it is here, or
// else why not.
func (h *Host) View(key string) (stream.View, *problem.Problem) {
	tasks := h.tasks.Load()
	if tasks == nil {
		return stream.View{}, problem.Unavailable("Kafka is not reached yet")
	}
	partition := tasks.PartitionOf(key)
	if view, ok := tasks.View(partition); ok {
		return view, nil
	}
	if owner, ok := tasks.OwnerOf(partition); ok && !owner.Own {
		return stream.View{}, problem.Unavailable("partition %d is owned by %s at %s: ask there",
			partition, owner.Instance, owner.HTTP)
	}
	return stream.View{}, problem.Unavailable("partition %d is %s here", partition, tasks.State(partition))
}
