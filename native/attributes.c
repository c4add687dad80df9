/* Copies extended attributes, ACLs among them, for which Node has no calls: requests on stdin, answers on stdout. */
#include "helper.h"

#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#define REQUEST_MAX_BYTES (2 * PATH_MAX + 2)
#define LIST_BYTES (64 * 1024)  /* the kernel's XATTR_LIST_MAX */
#define VALUE_BYTES (64 * 1024) /* the kernel's XATTR_SIZE_MAX */

struct scratch {
    char from_names[LIST_BYTES], to_names[LIST_BYTES];
    char value[VALUE_BYTES], present[VALUE_BYTES];
};

static bool means_none(int error) { return error == ENOTSUP || error == ENOSYS; }

static bool starts_with(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

/* Set by the system or by someone with more rights; what may not be copied of these is no loss to the user. */
static bool is_optional(const char *name) {
    return !starts_with(name, "user.") && !starts_with(name, "system.posix_acl_");
}

static int copy_one(struct scratch *s, const char *from, const char *to, const char *name) {
    ssize_t bytes = getxattr(from, name, s->value, sizeof s->value);
    if (bytes < 0) return errno == ENODATA || is_optional(name) ? 0 : errno;
    ssize_t present = getxattr(to, name, s->present, sizeof s->present);
    if (present == bytes && memcmp(s->value, s->present, (size_t)bytes) == 0) return 0;
    if (setxattr(to, name, s->value, (size_t)bytes, 0) == 0 || is_optional(name)) return 0;
    return errno;
}

static bool listed(const char *names, ssize_t bytes, const char *name) {
    for (const char *at = names; at < names + bytes; at += strlen(at) + 1)
        if (strcmp(at, name) == 0) return true;
    return false;
}

static int copy_attributes(struct scratch *s, const char *from, const char *to) {
    ssize_t from_bytes = listxattr(from, s->from_names, sizeof s->from_names);
    if (from_bytes < 0 && !means_none(errno)) return errno;
    ssize_t to_bytes = listxattr(to, s->to_names, sizeof s->to_names);
    if (to_bytes < 0 && !means_none(errno)) return errno;
    for (const char *name = s->from_names; name < s->from_names + from_bytes; name += strlen(name) + 1) {
        int error = copy_one(s, from, to, name);
        if (error != 0) return error;
    }
    for (const char *name = s->to_names; name < s->to_names + to_bytes; name += strlen(name) + 1) {
        if (is_optional(name) || listed(s->from_names, from_bytes, name)) continue;
        if (removexattr(to, name) != 0 && errno != ENODATA) return errno;
    }
    return 0;
}

static bool read_all(void *data, size_t bytes) {
    for (char *at = data; bytes > 0;) {
        ssize_t n = read(0, at, bytes);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return false;
        if (n < 0) {
            wait_readable(0);
        } else {
            at += n;
            bytes -= (size_t)n;
        }
    }
    return true;
}

int attributes_main(void) {
    struct scratch *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) return 1;
    signals_ignore_for_survival(); /* berthd's end is EOF, whatever the terminal of an embedding program says */
    for (;;) {
        uint8_t length[4], request[REQUEST_MAX_BYTES];
        if (!read_all(length, sizeof length)) return 0;
        uint32_t bytes = load_u32(length);
        if (bytes > sizeof request || !read_all(request, bytes)) {
            complain("protocol error: bad length of a request for attributes", 0);
            return 1;
        }
        struct cursor c = {.at = request, .end = request + bytes};
        const char *from = get_string(&c), *to = get_string(&c);
        struct events answer = {.used = 0};
        put_u32(&answer, (uint32_t)(c.bad || c.at != c.end ? EINVAL : copy_attributes(s, from, to)));
        if (!write_all(1, answer.bytes, answer.used)) return 0;
    }
}
