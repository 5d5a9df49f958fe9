// Package demo is the chat page that the standalone process serves beside the
// edge's WebSocket: static files, embedded, nothing from another host.
package demo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// The page may load its own files and talk to its own host, and nothing else:
// no inline code, no markup made from strings (trusted types), no framing.
// 'self' of connect-src covers ws: and wss: of the same host (CSP level 3).
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Stated here and not asked of the host's mime.types, which may know .mjs
// otherwise: with nosniff a wrong type stops the page.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

type asset struct {
	body        []byte
	contentType string
	etag        string
}

// Handler serves the page at "/" and its files below, for GET and HEAD. Mount
// it at the root of the host that serves the edge's /ws, which is where the
// page connects to. It holds no state and may be used concurrently.
func Handler() http.Handler {
	return serve(load(static))
}

// load reads all files once, by the path they are served under. The files are
// compiled in, so an error is a mistake of the build and panics.
func load(files fs.FS) map[string]asset {
	assets := make(map[string]asset)
	err := fs.WalkDir(files, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		contentType, known := contentTypes[path.Ext(name)]
		if !known {
			return fmt.Errorf("%s: no content type for this extension", name)
		}
		sum := sha256.Sum256(body)
		assets[name[len("static"):]] = asset{body: body, contentType: contentType, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("demo: %v", err))
	}
	assets["/"] = assets["/index.html"]
	return assets
}

func serve(assets map[string]asset) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok := assets[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		header := w.Header()
		header.Set("Content-Type", found.contentType)
		header.Set("Content-Security-Policy", contentSecurityPolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		// Ask each time, answered by 304: a page of the former build against a
		// newer server is not worth the saved round trip.
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", found.etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(found.body))
	})
}
