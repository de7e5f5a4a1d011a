/* What C does for the Rust side of the extension: macros as functions, and calls that may die as a status.
 * Nothing here decides anything. The Rust declarations are in src/perl/shim.rs; the two must agree. */
#ifndef MEMORYCACHED_SHIM_H
#define MEMORYCACHED_SHIM_H

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#ifndef G_LIST /* perl 5.34 and older */
#define G_LIST G_ARRAY
#endif

/* What looking for magic takes beside the value: before perl 5.22, an interpreter. */
#if PERL_VERSION < 22
#define dMAGIC dTHX
#else
#define dMAGIC dNOOP
#endif

/* How a native method ends. Whatever leaves by a longjmp leaves from C, after Rust has returned. */
enum mc_end {
    MC_VALUE,  /* return `value`, borrowed or mortal; NULL returns the empty list */
    MC_CROAK,  /* die with `value`, which is owned */
    MC_SUPER,  /* call the CV `value` with the same arguments and return what it returns */
    MC_LEAVE,  /* a callback called exit: go on leaving */
    MC_LIST    /* return the elements of the array `value`, which is mortal */
};

typedef struct {
    int end;
    SV *value;
    AV *warnings; /* owned, or NULL: warned in order before the method ends */
} mc_outcome;

/* Rust passes the interpreter in each call and is given it in each, by a perl, too, whose own functions don't take it since
   there can be no other. */
#ifdef MULTIPLICITY
#define pMC pTHX
#define pMC_ pTHX_
#define aMC aTHX
#define aMC_ aTHX_
#else
#define pMC PerlInterpreter *mc_interpreter
#define pMC_ pMC,
#define aMC ((PerlInterpreter *)NULL)
#define aMC_ aMC,
#endif

typedef void (*mc_body)(pMC_ SV **args, I32 items, mc_outcome *outcome);

/* How a guarded call ended. */
enum mc_status {
    MC_OK,
    MC_DIED,  /* *error is owned */
    MC_EXITED /* exit was called: every Rust frame returns, then MC_LEAVE */
};

typedef void (*mc_operation)(pTHX_ void *argument);

int mc_guard(pTHX_ mc_operation operation, void *argument, SV **error);

/* What most guarded operations need. */
typedef struct {
    SV *sv;
    SV *out;
    int flag;
} mc_scalar;

int mc_is_watch(MAGIC *mg);

#endif
