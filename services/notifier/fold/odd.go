package fold

// Kinds of events that can't be, as things stand. An update of who isn't there
// stands for a join, as after the head of the log is gone; the others change
// nothing that they don't say.
const (
	oddJoinedPresent   = "joined_present"
	oddUpdatedAbsent   = "updated_absent"
	oddLeftAbsent      = "left_absent"
	oddNeverInterested = "uninterested_never_interested"
	oddMisplaced       = "misplaced_type"
)
