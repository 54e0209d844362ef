// What happens around fork(2).
//
// Before: no thread may be inside a registry, whose memory the child goes on using. In the child:
// what was the parent's is abandoned, unread, and its connections are closed; loggers are bound
// anew at their next use. The wiped page of the loggers' levels (fork_page.h) does the same for a
// fork that calls no handlers.
#include <pthread.h>

#include "collector.h"
#include "model/site.h"
#include "ship/owned_sockets.h"

namespace forebay::engine {
namespace {

void before_fork() {
  Registry::process().lock();
  model::SiteRegistry::process().lock();
}

void after_in_parent() {
  model::SiteRegistry::process().unlock();
  Registry::process().unlock();
}

void after_in_child() {
  Registry::process().abandon_in_child();
  ship::close_inherited_sockets();
  model::SiteRegistry::process().unlock();
  Registry::process().unlock();
}

// When the library is loaded: handlers cost nothing, and a service may fork before it logs.
[[maybe_unused]] const int registered =
    pthread_atfork(before_fork, after_in_parent, after_in_child);

}  // namespace
}  // namespace forebay::engine
