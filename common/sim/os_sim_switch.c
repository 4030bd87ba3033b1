#include "common/sim/os_sim_switch.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "common/err.h"

#define STACK_BYTES ((size_t)1 << 20)
#define GUARD_BYTES ((size_t)1 << 12)

#if defined(__has_feature)
#define FEATURE(x) __has_feature(x)
#else
#define FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || FEATURE(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define WITH_TSAN 1
#else
#define WITH_TSAN 0
#endif

#if defined(__x86_64__)

/* Saves what a callee must keep on the old stack, and takes it from the new one. */
void sim_switch_stack(void **save_sp, void *load_sp);
__asm__(".text\n"
        ".globl sim_switch_stack\n"
        ".type sim_switch_stack, @function\n"
        "sim_switch_stack:\n"
        "        pushq %rbp\n"
        "        pushq %rbx\n"
        "        pushq %r12\n"
        "        pushq %r13\n"
        "        pushq %r14\n"
        "        pushq %r15\n"
        "        movq %rsp, (%rdi)\n"
        "        movq %rsi, %rsp\n"
        "        popq %r15\n"
        "        popq %r14\n"
        "        popq %r13\n"
        "        popq %r12\n"
        "        popq %rbx\n"
        "        popq %rbp\n"
        "        ret\n"
        ".size sim_switch_stack, .-sim_switch_stack\n");

static void *first_frame(void *stack, size_t bytes, void (*entry)(void))
{
        void **top = (void **)(void *)((char *)stack + bytes);

        *--top = NULL; /* where entry would return to */
        *--top = (void *)(uintptr_t)entry;
        for (int i = 0; i < 6; i++)
                *--top = NULL; /* rbp, rbx, r12 to r15 */
        return top;
}

static void jump(struct sim_context *from, struct sim_context *to)
{
        sim_switch_stack(&from->sp, to->sp);
}

#else

#include <stdlib.h>
#include <ucontext.h>

/* Slower, since it also saves the signal mask. The ucontext_t lies at the stack's top. */
static void *first_frame(void *stack, size_t bytes, void (*entry)(void))
{
        ucontext_t *u = (ucontext_t *)(void *)((char *)stack + bytes - sizeof(*u) - 64);

        u = (ucontext_t *)((uintptr_t)u & ~(uintptr_t)63);
        if (getcontext(u) != 0)
                abort();
        u->uc_stack.ss_sp = stack;
        u->uc_stack.ss_size = (size_t)((char *)u - (char *)stack);
        u->uc_link = NULL;
        makecontext(u, entry, 0);
        return u;
}

static void jump(struct sim_context *from, struct sim_context *to)
{
        ucontext_t here;

        from->sp = &here; /* stays valid: this frame is left when it is switched back */
        if (swapcontext(from->sp, to->sp) != 0)
                abort();
}

#endif

void sim_context_adopt(struct sim_context *c)
{
        *c = (struct sim_context){.sp = NULL};
#if WITH_TSAN
        c->tsan = __tsan_get_current_fiber();
#endif
}

static void *stack_new(void)
{
        char *base = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

        if (base == MAP_FAILED)
                return NULL;
        if (mprotect(base, GUARD_BYTES, PROT_NONE) < 0) {
                (void)munmap(base, GUARD_BYTES + STACK_BYTES); /* ours alone */
                return NULL;
        }
        return base + GUARD_BYTES;
}

bool sim_context_make(struct sim_context *c, void *reuse, void (*entry)(void))
{
        void *stack = reuse != NULL ? reuse : stack_new();

        if (stack == NULL)
                return false;
        *c = (struct sim_context){.stack = stack, .bytes = STACK_BYTES};
        c->sp = first_frame(stack, STACK_BYTES, entry);
#if WITH_TSAN
        c->tsan = __tsan_create_fiber(0);
#endif
        return true;
}

void sim_context_switch(struct sim_context *from, struct sim_context *to, bool last)
{
#if WITH_ASAN
        __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->stack, to->bytes);
#endif
#if WITH_TSAN
        __tsan_switch_to_fiber(to->tsan, 0);
#endif
        jump(from, to);
        BDFS_ASSERT(!last);
#if WITH_ASAN
        __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

void sim_context_entered(struct sim_context *from)
{
#if WITH_ASAN
        const void *stack;
        size_t bytes;

        __sanitizer_finish_switch_fiber(NULL, &stack, &bytes);
        if (from->stack == NULL) { /* the thread's own: ASan knows where it is */
                from->stack = (void *)(uintptr_t)stack;
                from->bytes = bytes;
        }
#else
        (void)from;
#endif
}

void *sim_context_drop(struct sim_context *c)
{
        void *stack = c->stack;

#if WITH_ASAN
        __asan_unpoison_memory_region(stack, c->bytes);
#endif
#if WITH_TSAN
        __tsan_destroy_fiber(c->tsan);
#endif
        *c = (struct sim_context){.sp = NULL};
        return stack;
}

void sim_stack_free(void *stack)
{
        if (stack != NULL)
                (void)munmap((char *)stack - GUARD_BYTES, GUARD_BYTES + STACK_BYTES); /* ours */
}
