/* The C ABI of Forebay: how native code reports into the collector of this process. Long because
 * it is one table.
 *
 * A table of functions, reached through `forebay_get_api` (exported by the library) or through the
 * PyCapsule `forebay._core._C_API`. The table is append-only: a member is never moved, removed or
 * given another meaning under one `abi_version`; `struct_size` says how many members the provider
 * has. Only integers, pointers with lengths and opaque handles cross it; nothing that it is given
 * is owned, kept or freed by the other side, and no function throws.
 *
 * Every function may be called from any thread unless its comment says otherwise. Strings are
 * UTF-8; bytes that are not become U+FFFD on the wire. A string with `size` 0 may have a null
 * `data`.
 */
#ifndef FOREBAY_C_API_H_
#define FOREBAY_C_API_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FOREBAY_ABI_VERSION 1u
#define FOREBAY_CAPSULE_NAME "forebay._core._C_API"

#if defined(FOREBAY_BUILDING_LIBRARY)
#define FOREBAY_EXPORT __attribute__((visibility("default")))
#else
#define FOREBAY_EXPORT
#endif

typedef struct forebay_string {
  const char* data;
  size_t size; /* bytes */
} forebay_string;

/* Types of a value. An ANYVALUE is an OTLP AnyValue message already in protobuf form: how nested
 * lists and maps are handed over. */
enum {
  FOREBAY_NULL = 0,
  FOREBAY_BOOL = 1,   /* as.i64: 0 or 1 */
  FOREBAY_INT64 = 2,  /* as.i64 */
  FOREBAY_DOUBLE = 3, /* as.f64 */
  FOREBAY_STRING = 4, /* as.data, size bytes of UTF-8 */
  FOREBAY_BYTES = 5,  /* as.data, size bytes */
  FOREBAY_ANYVALUE = 6
};

typedef struct forebay_value {
  uint32_t type;
  uint32_t size; /* bytes at as.data; 0 for scalars */
  union {
    int64_t i64;
    double f64;
    const char* data;
  } as;
} forebay_value;

typedef struct forebay_attribute {
  const char* key;
  uint32_t key_size; /* bytes */
  uint32_t reserved; /* 0 */
  forebay_value value;
} forebay_attribute;

/* What emit answers. 0 is the only one that means "accepted". */
enum {
  FOREBAY_ACCEPTED = 0,
  FOREBAY_DISABLED = 1, /* below the logger's level: not counted as emitted */
  FOREBAY_SAMPLED_OUT = 2,
  FOREBAY_RATE_LIMITED = 3,
  FOREBAY_WOULD_BLOCK = 4, /* only with EMIT_REPORT_BLOCK or EMIT_SLICE; nothing was counted */
  FOREBAY_REFUSED_QUEUE_FULL = 16,
  FOREBAY_REFUSED_BLOCK_TIMEOUT = 17,
  FOREBAY_REFUSED_NOT_STARTED = 18,
  FOREBAY_REFUSED_SHUTDOWN = 19,
  FOREBAY_REFUSED_REENTRANT = 20,
  FOREBAY_DROPPED_QUEUE_FULL_NEWEST = 32,
  FOREBAY_DROPPED_EARLY = 33,
  FOREBAY_DROPPED_MEMORY = 34,
  FOREBAY_DROPPED_ENCODE_ERROR = 35,
  /* Of a measurement: NaN, infinite, of a counter or a histogram below zero, or more than its sum
     can hold. */
  FOREBAY_INVALID_MEASUREMENT = 48
};

/* Flags of emit. */
enum {
  /* Where the lane's policy is to wait: do not, return FOREBAY_WOULD_BLOCK and count nothing. For
   * callers that must let go of something first (the GIL) and then call again without the flag. */
  FOREBAY_EMIT_REPORT_BLOCK = 1u << 0,
  /* Where the lane's policy is to wait: go on to what comes after it in `on_full`. */
  FOREBAY_EMIT_SKIP_BLOCK = 1u << 1,
  /* A policy of `fail` refuses and counts as usual; the caller came through a bridge and will not
   * be told by an exception. No effect in C; carried for the binding. */
  FOREBAY_EMIT_BRIDGE = 1u << 2,
  /* Where the lane's policy is to wait: wait for about 50 ms at most, then return
   * FOREBAY_WOULD_BLOCK and count nothing, unless the policy's own time is over. For callers that
   * must look at something now and then (a signal). With FOREBAY_EMIT_CONTINUE the next call goes
   * on with the same wait. */
  FOREBAY_EMIT_SLICE = 1u << 3,
  FOREBAY_EMIT_CONTINUE = 1u << 4,
  /* Where the lane's policy is to wait: the caller has waited as long as it says (lane_notify), so
   * its time is over, also with on_event_loop. */
  FOREBAY_EMIT_WAITED = 1u << 5,
  /* None of the values is an ANYVALUE, so that no rule of redaction has to look into one. */
  FOREBAY_EMIT_FLAT = 1u << 6
};

/* What an emit found full: where its lane's policy was to wait or to refuse. */
typedef struct forebay_full {
  uint32_t struct_size; /* sizeof(forebay_full) */
  uint32_t records;     /* the room that the record needs, in what lane_wait counts */
  int64_t timeout_ns;   /* how long the lane's policy waits; negative: without end; 0: not at all */
  uint32_t lane_size;
  char lane[36]; /* its name */
} forebay_full;

/* A logger. Handles are never freed and may be made before anything is started.
 * `level` points to the lowest severity number (1..24) that is enabled; 25 when none is, and 0 when
 * the logger is not bound to a running collector in this process (not started, or just forked):
 * then call emit, which finds out. Read it with a relaxed atomic load. */
typedef struct forebay_logger {
  const uint32_t* level;
} forebay_logger;

/* Flags of a logger. */
enum {
  /* For a bridge from another logging library, which filters by levels of its own: a handle beside
   * the one that FOREBAY users of that name have, so that neither changes the other's level. */
  FOREBAY_LOGGER_BRIDGE = 1u << 0
};

typedef struct forebay_logger_spec {
  uint32_t struct_size;  /* sizeof(forebay_logger_spec) */
  uint32_t min_severity; /* 1..24; 0: the default, INFO (9) */
  forebay_string name;
  forebay_string version;
  const forebay_attribute* attributes; /* of the instrumentation scope */
  uint32_t attribute_count;
  uint32_t flags;
} forebay_logger_spec;

/* The static part of a call site. Copied when it is interned. */
typedef struct forebay_site forebay_site; /* opaque; never freed */

enum {
  /* The body is not constant: the first value of each record is the body, the rest go with keys. */
  FOREBAY_SITE_BODY_IN_VALUES = 1u << 0
};

typedef struct forebay_site_spec {
  uint32_t struct_size;         /* sizeof(forebay_site_spec) */
  uint32_t severity;            /* OpenTelemetry severity number, 1..24; 0: unspecified */
  forebay_string severity_text; /* empty: the standard name of the severity */
  forebay_string body;
  const forebay_string* keys;
  uint32_t key_count; /* at most 1,024 */
  uint32_t flags;
  forebay_string file;
  forebay_string function;
  uint32_t line; /* 0: unknown */
  uint32_t reserved;
} forebay_site_spec;

struct forebay_extra;

/* Attributes that many records have, in the form that records have them in: made once (bind), and
 * then copied as they are. Immutable, for any thread. Only bind makes one. */
typedef struct forebay_bound {
  const forebay_attribute* attributes; /* copies */
  uint32_t attribute_count;
  uint32_t reserved;
  /* For a record that has these and nothing else: handed over itself, and not a copy, it costs
   * least. */
  const struct forebay_extra* extra;
} forebay_bound;

/* What only some records have. A null pointer in emit means none of it. */
typedef struct forebay_extra {
  uint32_t struct_size;    /* sizeof(forebay_extra) */
  uint32_t severity;       /* 0: the site's. Needed where site is null */
  uint64_t time_unix_nano; /* 0: the moment of emit */
  uint8_t trace_id[16];    /* all zero: none */
  uint8_t span_id[8];
  uint32_t trace_flags;
  uint32_t attribute_count;
  const forebay_attribute* attributes; /* with keys of their own; after the site's */
  forebay_value body;                  /* FOREBAY_NULL: the site's */
  forebay_string severity_text;        /* empty: the site's, or the standard name */
  forebay_string event_name;
  uint32_t dropped_attributes_count;
  uint32_t reserved;
  /* Added later; read where struct_size says that it is there. Null, or those whose attributes
   * `attributes` and `attribute_count` are: with others it means nothing. */
  const forebay_bound* bound;
} forebay_extra;

/* One option of a collector, by its path: "service_name", "lanes[0].queue_records". `reserved` of
 * the attribute is unused. Lists and maps are spelled out path by path. See docs/options.md. */
typedef forebay_attribute forebay_option;

/* -- metrics -- */

enum {
  FOREBAY_COUNTER = 0,
  FOREBAY_UP_DOWN_COUNTER = 1,
  FOREBAY_GAUGE = 2,
  FOREBAY_HISTOGRAM = 3,
  FOREBAY_OBSERVABLE_COUNTER = 4,
  FOREBAY_OBSERVABLE_UP_DOWN_COUNTER = 5,
  FOREBAY_OBSERVABLE_GAUGE = 6
};

/* Flags of an instrument. */
enum {
  /* Its points are floating point numbers also where all values are whole. */
  FOREBAY_INSTRUMENT_REAL = 1u << 0
};

typedef struct forebay_instrument_spec {
  uint32_t struct_size; /* sizeof(forebay_instrument_spec) */
  uint32_t kind;        /* FOREBAY_COUNTER ... */
  forebay_string name;  /* a letter, then letters, digits and _ . - /: 1..255 in all */
  forebay_string unit;  /* UCUM, at most 63 characters of ASCII */
  forebay_string description;
  forebay_string meter; /* the name of its instrumentation scope */
  forebay_string meter_version;
  const double* bounds; /* of a histogram: upper bounds of its buckets, rising. Null: default */
  uint32_t bound_count;
  uint32_t flags;
} forebay_instrument_spec;

/* An instrument, and a series of it that measurements with the same attributes go into. Opaque;
 * instruments are never freed, a series by series_release. Both may be made before anything is
 * started, and bind on first use. */
typedef struct forebay_instrument forebay_instrument;
typedef struct forebay_series forebay_series;

/* Who observes for an observable instrument, and one time that it does. Opaque. */
typedef struct forebay_observer forebay_observer;
typedef struct forebay_observation forebay_observation;
typedef void (*forebay_observe_callback)(void* context, forebay_observation* observation);

typedef struct forebay_collector forebay_collector; /* opaque, counted by retain/release */
typedef struct forebay_waiter forebay_waiter;       /* opaque; lane_notify */
typedef struct forebay_grant forebay_grant;         /* opaque; lane_request */

/* Receives one number by name, such as ("dropped.queue_full_newest", 17) or
 * ("lanes.normal.emitted", 40). */
typedef void (*forebay_number_visitor)(void* context, const char* name, size_t name_size,
                                       int64_t value);
typedef void (*forebay_text_visitor)(void* context, const char* data, size_t size);

/* How hard a lane is pressed. With hysteresis: see the lanes' options high_watermark and
 * low_watermark. */
enum {
  FOREBAY_PRESSURE_NORMAL = 0,
  FOREBAY_PRESSURE_PRESSURED = 1, /* filled above its high watermark */
  FOREBAY_PRESSURE_FULL = 2       /* records are lost or refused, or wait for room */
};
typedef void (*forebay_pressure_callback)(void* context, uint32_t state, forebay_string lane,
                                          uint32_t lane_state);

enum {
  FOREBAY_OK = 0,
  FOREBAY_INVALID_ARGUMENT = 1, /* the text names the option, its value and the range */
  FOREBAY_UNAVAILABLE = 2,      /* the system refused: memory, threads, files */
  FOREBAY_TIMED_OUT = 3,
  FOREBAY_CLOSED = 4
};

typedef struct forebay_api {
  uint32_t abi_version;
  uint32_t struct_size;
  forebay_string library_version;

  /* -- the way of a record -- */

  /* The logger of that name: the same handle each time. A null collector means the process default,
   * whichever is started, now or later. A null spec, or memory that ran out, gives a handle that
   * counts `not_started`. Never null. */
  forebay_logger* (*logger)(forebay_collector* collector, const forebay_logger_spec* spec);
  /* Interns a site. Null when 65,536 are interned: hand body and attributes over in `extra`. */
  const forebay_site* (*site)(const forebay_site_spec* spec);
  /* Emits one record. `values` holds the site's body (FOREBAY_SITE_BODY_IN_VALUES) and a value for
   * each key; fewer values leave the last keys out. Copies everything before it returns; does not
   * allocate, lock or call the system on the usual path. First use does (a logger, a thread's first
   * record for a lane, after a fork), and so do a policy that waits and a record that is cut; a
   * thread that has more records waiting than ever before may allocate. So it is not
   * async-signal-safe as a whole, and errno may change.
   * A caller that holds the GIL must not wait here, since no Python thread would run meanwhile:
   * pass FOREBAY_EMIT_REPORT_BLOCK, and on FOREBAY_WOULD_BLOCK release the GIL and call again
   * without it. */
  int32_t (*emit)(forebay_logger* logger, const forebay_site* site, const forebay_value* values,
                  uint32_t value_count, const forebay_extra* extra, uint32_t flags);
  /* Adds records that were emitted while this table was not at hand. */
  void (*count_not_started)(uint32_t severity, uint64_t records);

  /* -- collectors -- */

  /* Validates everything, starts nothing: threads and files come with the first record. The text of
   * an error goes to `error`. */
  int32_t (*collector_create)(const forebay_option* options, size_t option_count,
                              forebay_collector** collector, forebay_text_visitor error,
                              void* context);
  void (*collector_retain)(forebay_collector* collector);
  void (*collector_release)(forebay_collector* collector); /* the last one shuts down, 0 s */
  /* The process default; retained for the caller, null if none. */
  forebay_collector* (*collector_default)(void);
  void (*collector_set_default)(forebay_collector* collector); /* null: none */

  /* Every name of the ledger, at this moment. Where memory runs out, names are missing. */
  void (*collector_stats)(forebay_collector* collector, forebay_number_visitor visit,
                          void* context);
  /* Stops drain and ship at a batch boundary, counts what is inside, and compares: "balanced",
   * "exact", "difference", "lanes.<name>.difference". Where memory runs out, names are missing. */
  void (*collector_audit)(forebay_collector* collector, forebay_number_visitor visit,
                          void* context);
  /* Waits until what was emitted before the call has left. A negative timeout waits without end.
   * The visitor gets the receipt: each name's difference, "complete", "elapsed_ns".
   * FOREBAY_TIMED_OUT: not all of it has. FOREBAY_UNAVAILABLE: it was done, but there was no memory
   * for a (whole) receipt. */
  int32_t (*collector_flush)(forebay_collector* collector, int64_t timeout_ns,
                             forebay_number_visitor visit, void* context);
  /* Takes no more records, sends what is held, lets go of what is held after that time, and ends
   * the threads; else as collector_flush. While another call of it is under way, both end by the
   * sooner of their deadlines; after one, the receipt is that one's. */
  int32_t (*collector_shutdown)(forebay_collector* collector, int64_t timeout_ns,
                                forebay_number_visitor visit, void* context);
  /* Texts about the collector, by name: "instance_id", "stats_file", "service_name",
   * "last_error", "directory". FOREBAY_INVALID_ARGUMENT for another name. */
  int32_t (*collector_text)(forebay_collector* collector, forebay_string name,
                            forebay_text_visitor visit, void* context);
  /* Takes the finished batches out of the memory exporter: each is one plain OTLP
   * ExportLogsServiceRequest in protobuf form. FOREBAY_INVALID_ARGUMENT without one. */
  int32_t (*collector_take_memory)(forebay_collector* collector, forebay_text_visitor visit,
                                   void* context);
  /* Opens what batches are compressed with: codec "zstd", "gzip" or "none".
   * FOREBAY_INVALID_ARGUMENT with a text for bytes that are not in the codec, or become more than
   * `max_bytes`. */
  int32_t (*decompress)(forebay_string codec, forebay_string data, size_t max_bytes,
                        forebay_text_visitor content, forebay_text_visitor error, void* context);

  /* -- room in a lane -- */

  /* Who waits stands in the lane's line, with the threads that the policy `block` stops: first
   * come, first served. What is more than 64 records is waited for beside the line, until that much
   * room is there at once. Room is counted in slots of 128 bytes, one for a small record. Each
   * answers FOREBAY_INVALID_ARGUMENT where there is no such lane, or it never has that much room
   * (no records at all included), and FOREBAY_CLOSED after a shutdown. A negative timeout waits
   * without end. */

  /* Waits until the lane has room for `records`. FOREBAY_OK | FOREBAY_TIMED_OUT. The room is not
   * set aside when it returns. */
  int32_t (*lane_wait)(forebay_collector* collector, forebay_string lane, uint64_t records,
                       int64_t timeout_ns);
  /* For event loops: calls `notify` once, when that room is there or the lane closes; perhaps
   * before this returns. The call comes from the thread that made the room, with the lane's line
   * locked: be quick, do not emit, and call nothing of this API. Up to 64 records, the room is set
   * aside for this waiter until lane_notify_end; lane_notify_use makes it usable. */
  int32_t (*lane_notify)(forebay_collector* collector, forebay_string lane, uint64_t records,
                         void (*notify)(void* context), void* context, forebay_waiter** waiter);
  /* Leaves the line, and frees the waiter. When it returns, `notify` is not running and is not
   * called again. From any thread, once. */
  void (*lane_notify_end)(forebay_waiter* waiter);
  /* Sets room aside for up to `records` records of up to `record_bytes` bytes each (as they are
   * stored: 32 and what the values take. 0: 1,024), for the calling thread. What that thread emits
   * into the lane while it holds the grant, and finds no other room for, is taken from it before
   * `on_full` is asked, and early_drop spares it. Waits for at least one, and gives as many as
   * there is room for: `granted` says how many. At most half of a lane is granted at any time. Once
   * accepted, a record is one like any other: where the policy is drop_oldest, it may be evicted.
   * FOREBAY_OK | FOREBAY_TIMED_OUT, and then `grant` is null | FOREBAY_UNAVAILABLE. */
  int32_t (*lane_request)(forebay_collector* collector, forebay_string lane, uint64_t records,
                          uint64_t record_bytes, int64_t timeout_ns, forebay_grant** grant,
                          uint64_t* granted);
  /* Gives back what was not used, and frees the grant. From any thread, once; also after the end of
   * the thread that asked, which has given the room back already. */
  void (*grant_release)(forebay_grant* grant);
  /* How many records of `record_bytes` it still covers. */
  uint64_t (*grant_left)(forebay_grant* grant);

  /* -- pressure -- */

  /* The highest state of all lanes, FOREBAY_PRESSURE_*: a word to be read with relaxed atomic
   * loads, as often as one likes. It lives as long as the collector. */
  const uint32_t* (*collector_pressure)(forebay_collector* collector);
  /* Calls back when a lane's state changes, with the state in sum and the lane's own. The calls
   * come from the drain thread: be quick, do not emit, and do not call back into the collector.
   * FOREBAY_CLOSED after a shutdown. */
  int32_t (*collector_on_pressure)(forebay_collector* collector, forebay_pressure_callback callback,
                                   void* context, void** registration);
  /* When it returns, the callback is not running and is not called again. To be called once for
   * each registration, while the collector is retained; not from the callback. */
  void (*collector_on_pressure_end)(forebay_collector* collector, void* registration);

  /* -- for bindings -- */

  /* About the calling thread's last emit that was answered FOREBAY_WOULD_BLOCK or
   * FOREBAY_REFUSED_QUEUE_FULL. FOREBAY_INVALID_ARGUMENT where there was none. */
  int32_t (*last_full)(forebay_full* full);

  /* -- the flight recorder -- */

  /* Emits what the flight recorder holds of the last `last_ns` (negative: its option `window`): the
   * drain thread does it, soon. FOREBAY_INVALID_ARGUMENT without a recorder, FOREBAY_CLOSED where
   * the collector has not recorded anything yet, or no longer does. */
  int32_t (*collector_dump_recorder)(forebay_collector* collector, int64_t last_ns);

  /* -- the simulator -- */

  /* Runs a collector with these options (their exporters but for max_in_flight and compression are
   * not used) under virtual time against `scenario`: paths loads[i].rate (records/s), .logger,
   * .level (severity number), .record_bytes; length, settle, sample_every (seconds); seed;
   * destination.rate (records/s), destination.latency (s); outages[i].from, .length (s), and for
   * one route or one exporter of it alone .route (its name), .exporter (its index). `visit` gets a
   * sample at a time: "time_ns", then every number of collector_stats, and "loads.<i>.wanted",
   * ".emitted", ".waited_ms", ".waiting" (1: now), ".lane" (index); "lanes.<name>.peak_slots" and
   * "backlog.peak_bytes" (most since the sample before), "lanes.<name>.backlog_bytes",
   * "backlog.bytes", "backlog.max_bytes". FOREBAY_INVALID_ARGUMENT with a text. */
  int32_t (*simulate)(const forebay_option* options, size_t option_count,
                      const forebay_option* scenario, size_t scenario_count,
                      forebay_number_visitor visit, forebay_text_visitor error, void* context);

  /* -- added later, since the table only grows at its end -- */

  /* After `notify` was called: from here to lane_notify_end, what the calling thread emits into the
   * lane takes its room from what was set aside for this waiter. Does nothing before, or after a
   * fork. */
  void (*lane_notify_use)(forebay_waiter* waiter);
  /* Not 0 where a rule of a collector that is not shut down tells call sites apart: records whose
   * body is made for each call then want a site with the caller's file and line. A word to be read
   * with relaxed atomic loads. */
  const uint32_t* code_places_wanted;
  /* For tests, of a collector with the option "manual_clock_unix_ns": moves its clock on by `ns`
   * (0 or more), and does what is due then. FOREBAY_INVALID_ARGUMENT where its clock is the
   * system's. */
  int32_t (*collector_advance)(forebay_collector* collector, int64_t ns);
  /* What the container that the process runs in may use of memory, by cgroup v1 or v2, in bytes;
   * -1: there is no limit. */
  int64_t (*container_memory_limit)(void);
  /* What the library is made with, for people: "libcurl/8.22.0 OpenSSL/3.5.4 zlib/1.3.1
   * zstd/1.5.7", as it is in this process. */
  void (*library_parts)(forebay_text_visitor visit, void* context);
  /* Whose word an HTTPS exporter with these options takes (paths "ca_file", "host_ca_file",
   * "host_ca_directory", "fallback_ca_file"; docs/options.md has the order). `visit` gets three
   * texts: a PEM file and a directory (either may be empty), and who named them, for people.
   * FOREBAY_UNAVAILABLE, and one text that says so, where there is nobody to trust. */
  int32_t (*trusted_authorities)(const forebay_option* options, size_t option_count,
                                 forebay_text_visitor visit, void* context);

  /* -- metrics -- */

  /* The instrument of that name: the same handle each time for the same kind, unit and meter; a
   * null collector means the process default, whichever is started, now or later. With another kind
   * or unit it is an instrument of its own, and a warning says so when both report.
   * FOREBAY_INVALID_ARGUMENT with a text that names the field | FOREBAY_UNAVAILABLE. */
  int32_t (*instrument)(forebay_collector* collector, const forebay_instrument_spec* spec,
                        forebay_instrument** instrument, forebay_text_visitor error, void* context);
  /* Adds to a counter, sets a gauge, records into a histogram. Attributes may come in any order;
   * of equal keys the last wins. FOREBAY_ACCEPTED, or what became of it, which was counted. Does
   * not allocate, lock or call the system but for a thread's first use, a set of attributes that
   * is new, and a thread that is the second or a later one of a series, the first time. Not for
   * signal handlers. */
  int32_t (*record_int64)(forebay_instrument* instrument, const forebay_attribute* attributes,
                          uint32_t attribute_count, int64_t value);
  int32_t (*record_double)(forebay_instrument* instrument, const forebay_attribute* attributes,
                           uint32_t attribute_count, double value);
  /* The series of those attributes, which are copied; null where there is no memory. */
  forebay_series* (*series)(forebay_instrument* instrument, const forebay_attribute* attributes,
                            uint32_t attribute_count);
  /* Frees it. No thread may use it any more. */
  void (*series_release)(forebay_series* series);
  int32_t (*series_record_int64)(forebay_series* series, int64_t value);
  int32_t (*series_record_double)(forebay_series* series, double value);
  /* Has an observable instrument's values asked for at the beginning of each collection and each
   * text. `callback` comes from the collector's own thread: it must return at once, may hand the
   * observation to another thread, and calls nothing else of this API. observation_int64 and
   * _double tell a value, observation_end that there are no more, and how many failed; from any
   * thread, also within the callback. An observation that has not ended in time (option
   * metrics.callback_timeout) is left out, counted, and none is begun until it ends. Starts the
   * collector's threads, if it runs. FOREBAY_INVALID_ARGUMENT for an instrument that is not
   * observable | FOREBAY_UNAVAILABLE. */
  int32_t (*observe)(forebay_instrument* instrument, forebay_observe_callback callback,
                     void* context, forebay_observer** observer);
  /* When it returns, the callback is not running and is not called again. Not from the callback.
   * An observation that is under way must still be ended. */
  void (*observer_end)(forebay_observer* observer);
  int32_t (*observation_int64)(forebay_observation* observation,
                               const forebay_attribute* attributes, uint32_t attribute_count,
                               int64_t value);
  int32_t (*observation_double)(forebay_observation* observation,
                                const forebay_attribute* attributes, uint32_t attribute_count,
                                double value);
  void (*observation_end)(forebay_observation* observation, uint32_t failures);
  /* As collector_take_memory, of metrics: each is an ExportMetricsServiceRequest. */
  int32_t (*collector_take_metrics)(forebay_collector* collector, forebay_text_visitor visit,
                                    void* context);
  /* All series as they stand, as text: format "prometheus" (text format 0.0.4) or "openmetrics"
   * (1.0). Sums come together since each series began, whatever the temporality of the export.
   * The callbacks of observable instruments are asked first, and waited for up to the option
   * metrics.callback_timeout: not to be called from one of them.
   * FOREBAY_INVALID_ARGUMENT for another format | FOREBAY_CLOSED | FOREBAY_TIMED_OUT: a thread
   * stood still for a second in the middle of a measurement. */
  int32_t (*collector_metrics_text)(forebay_collector* collector, forebay_string format,
                                    forebay_text_visitor visit, void* context);
  /* Adds measurements that the caller had to let go before it could hand them over, of the process
   * default: FOREBAY_REFUSED_NOT_STARTED, where this table was not at hand, or
   * FOREBAY_DROPPED_MEMORY. Where there is no default they are added to the next one's
   * `not_started`. */
  void (*count_lost_measurements)(int32_t outcome, uint64_t measurements);
  /* Writes this process's file in the option metrics.publish_directory now, as every
   * metrics.publish_interval. FOREBAY_INVALID_ARGUMENT where that option is not given |
   * FOREBAY_CLOSED | FOREBAY_UNAVAILABLE: it cannot be written; what was there stays. */
  int32_t (*collector_publish_metrics)(forebay_collector* collector);
  /* Sends points that somebody else has collected: an ExportMetricsServiceRequest of OTLP, which is
   * copied. In the ledger they are as the collector's own. A null collector means the process
   * default. FOREBAY_ACCEPTED, or what became of it, which was counted: FOREBAY_DISABLED,
   * FOREBAY_REFUSED_NOT_STARTED and FOREBAY_REFUSED_SHUTDOWN (notes measurements_...), and
   * FOREBAY_DROPPED_MEMORY. FOREBAY_INVALID_MEASUREMENT: it is no such request. */
  int32_t (*collector_send_metrics)(forebay_collector* collector, forebay_string request);

  /* -- records, once more -- */

  /* Copies of those attributes, for forebay_extra.bound: an emit with them costs less. Null where
   * there is no memory, or they are more than 65,535. */
  const forebay_bound* (*bind)(const forebay_attribute* attributes, uint32_t attribute_count);
  /* Frees them. No emit may use them any more; null is ignored. */
  void (*bound_release)(const forebay_bound* bound);
} forebay_api;

/* The table, or null when this library does not speak `abi_version`. Exported by libforebay.so. */
FOREBAY_EXPORT const forebay_api* forebay_get_api(uint32_t abi_version);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* FOREBAY_C_API_H_ */
