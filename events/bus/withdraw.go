package bus

// wants is whether a record of the batch is still wanted, nil for always.
func (b *batch) wants(i int) func() bool {
	if i >= len(b.wanted) {
		return nil
	}
	return b.wanted[i]
}

// withdrawn reports that the batch is not to be sent as it is: none of its
// records is wanted any more, or some aren't and no attempt was written. Once
// one was, the whole may be in the log, and what is wanted must be repeated as
// it is.
func (b *batch) withdrawn() bool {
	unwanted := 0
	for _, wanted := range b.wanted {
		if wanted != nil && !wanted() {
			unwanted++
		}
	}
	return unwanted > 0 && (!b.tried || unwanted == len(b.done))
}

// withdraw fails what isn't wanted of a batch in flight, and puts the rest at
// the queue's front. An attempt that was refused may be in the log all the same:
// a leader that loses its office answers so for what it has already handed on.
// So the next batch must not come under its sequence.
func (q *partitionQueue) withdraw(b *batch) {
	if b.tried {
		b.lent = true
		q.afterFailure(b)
		q.finish(b, -1, ErrWithdrawn)
		return
	}
	keep := make([]bool, len(b.done))
	var gone []func(Result)
	for i, done := range b.done {
		if wanted := b.wants(i); wanted == nil || wanted() {
			keep[i] = true
		} else {
			gone = append(gone, done)
		}
	}
	if len(gone) == len(keep) {
		q.finish(b, -1, ErrWithdrawn)
		return
	}
	q.replace(b, 1, func(i int) int {
		if keep[i] {
			return 0
		}
		return -1
	})
	for _, done := range gone {
		if done != nil {
			done(Result{Partition: q.tp.partition, Offset: -1, Err: ErrWithdrawn})
		}
	}
	q.p.budget.release(len(gone), 0) // their bytes with those of the rest
}
