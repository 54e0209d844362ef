#include "ship/owned_sockets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace forebay::ship {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

int new_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

// The exit status of a child that runs this.
template <class Action>
int in_a_child(Action action) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(action());
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class OwnedSocketsTest : public ::testing::Test {
 protected:
  int opened() {
    sockets_.push_back(new_socket());
    remember_socket(sockets_.back());
    return sockets_.back();
  }
  void close_one(int fd) {
    forget_socket(fd);
    ::close(fd);
    std::erase(sockets_, fd);
  }
  void TearDown() override {
    while (!sockets_.empty()) close_one(sockets_.back());
  }

 private:
  std::vector<int> sockets_;
};

TEST_F(OwnedSocketsTest, a_child_closes_what_its_parent_opened_and_the_parent_keeps_it) {
  const int one = opened();
  const int two = opened();
  EXPECT_EQ(in_a_child([&] {
              close_inherited_sockets();
              return is_open(one) || is_open(two) ? 1 : 0;
            }),
            0);
  close_inherited_sockets();  // nothing is inherited here
  EXPECT_TRUE(is_open(one));
  EXPECT_TRUE(is_open(two));
}

TEST_F(OwnedSocketsTest, a_number_that_was_closed_before_the_fork_is_not_touched) {
  const int fd = opened();
  close_one(fd);
  const int again = new_socket();  // the lowest free number, as that was
  EXPECT_EQ(again, fd);
  EXPECT_EQ(in_a_child([&] {
              close_inherited_sockets();
              return is_open(again) ? 0 : 1;
            }),
            0);
  ::close(again);
}

TEST_F(OwnedSocketsTest, a_number_that_the_child_used_again_is_not_touched) {
  const int fd = opened();
  EXPECT_EQ(in_a_child([&] {
              ::close(fd);
              if (new_socket() != fd) return 2;
              close_inherited_sockets();
              return is_open(fd) ? 0 : 1;
            }),
            0);
}

TEST_F(OwnedSocketsTest, a_grandchild_closes_what_its_parent_opened_itself) {
  opened();
  EXPECT_EQ(in_a_child([] {
              close_inherited_sockets();
              const int own = new_socket();
              remember_socket(own);
              close_inherited_sockets();
              if (!is_open(own)) return 1;
              return in_a_child([&] {
                close_inherited_sockets();
                return is_open(own) ? 2 : 0;
              });
            }),
            0);
}

TEST_F(OwnedSocketsTest, more_than_there_is_room_for_are_let_be_and_the_room_comes_back) {
  std::vector<int> all;
  for (int i = 0; i < kMostOwnedSockets + 8; ++i) all.push_back(opened());
  for (const int fd : all) close_one(fd);
  const int fd = opened();
  EXPECT_EQ(in_a_child([&] {
              close_inherited_sockets();
              return is_open(fd) ? 1 : 0;
            }),
            0);
}

}  // namespace
}  // namespace forebay::ship
