package session

import (
	"net/url"
	"strings"

	"rollcall.dev/events/schema"
)

// What a destination can begin with, or be.
const (
	topicPrefix    = "/topic/"
	watchPrefix    = "/watch/"
	presencePrefix = "/presence/"
	queueSession   = "/user/queue/session"
	queueMessages  = "/user/queue/messages"
)

// resolve finds what a destination of SUBSCRIBE means: the channel and the
// role in it, or neither for a queue of the session itself.
func resolve(destination string) (channel string, role schema.Role, err *refusal) {
	switch {
	case destination == queueSession, destination == queueMessages:
		return "", "", nil
	case strings.HasPrefix(destination, topicPrefix):
		channel, err = clientChannel(destination, topicPrefix)
		return channel, schema.RoleMember, err
	case strings.HasPrefix(destination, watchPrefix):
		channel, err = clientChannel(destination, watchPrefix)
		return channel, schema.RoleWatcher, err
	case strings.HasPrefix(destination, presencePrefix):
		channel, err = personalChannel(destination)
		return channel, schema.RoleWatcher, err
	default:
		return "", "", forbidden("destination %q is unknown: there are /topic/{channel}, /watch/{channel}, "+
			"/presence/{user}, %s and %s", destination, queueSession, queueMessages)
	}
}

// clientChannel is the channel that a client names; personal ones can't be.
func clientChannel(destination, prefix string) (string, *refusal) {
	channel := destination[len(prefix):]
	if err := schema.CheckChannel(channel); err != nil {
		return "", forbidden("destination %q: %v", destination, err)
	}
	return channel, nil
}

func personalChannel(destination string) (string, *refusal) {
	encoded := destination[len(presencePrefix):]
	if strings.Contains(encoded, "/") {
		return "", forbidden("destination %q: a / in a user id is written %%2F", destination)
	}
	user, err := url.PathUnescape(encoded)
	if err == nil {
		err = schema.CheckUser(user)
	}
	if err != nil {
		return "", forbidden("destination %q: %v", destination, err)
	}
	return schema.Personal(user), nil
}
