/* Perl code that is called: subs, signal handlers, sources, modules. */
#include "shim.h"

static void do_signals(pTHX_ void *argument)
{
    PERL_UNUSED_ARG(argument);
    PERL_ASYNC_CHECK();
}

int mc_signals(pMC_ SV **error)
{
    if (!PL_sig_pending)
        return MC_OK;
    return mc_guard(aTHX_ do_signals, NULL, error);
}

typedef struct {
    CV *cv;
    SV **args;
    I32 items;
    SV *out; /* of a call in list context, the array that is appended to */
} mc_sub_call;

/* How many values it left on the stack. */
static I32 call(pTHX_ mc_sub_call *a, I32 context)
{
    dSP;
    I32 i;
    PUSHMARK(SP);
    EXTEND(SP, a->items);
    for (i = 0; i < a->items; i++)
        PUSHs(a->args[i]);
    PUTBACK;
    return call_sv((SV *)a->cv, context);
}

static void do_call(pTHX_ void *argument)
{
    mc_sub_call *a = (mc_sub_call *)argument;
    ENTER;
    SAVETMPS;
    if (call(aTHX_ a, G_SCALAR) > 0) {
        a->out = newSVsv(*PL_stack_sp);
        PL_stack_sp--;
    } else {
        a->out = newSV(0);
    }
    FREETMPS;
    LEAVE;
}

/* Calls cv in scalar context; *out is an owned copy of what it returned. */
int mc_call_sub(pMC_ CV *cv, SV **args, I32 items, SV **out, SV **error)
{
    mc_sub_call a = { cv, args, items, NULL };
    int status = mc_guard(aTHX_ do_call, &a, error);
    *out = a.out;
    return status;
}

static void do_list(pTHX_ void *argument)
{
    mc_sub_call *a = (mc_sub_call *)argument;
    I32 i, count;
    ENTER;
    SAVETMPS;
    count = call(aTHX_ a, G_LIST);
    PL_stack_sp -= count;
    for (i = 1; i <= count; i++)
        av_push((AV *)a->out, SvREFCNT_inc_simple_NN(PL_stack_sp[i]));
    FREETMPS;
    LEAVE;
}

/* Calls cv in list context; what it returned, not copies of it, is appended to out. */
int mc_call_list(pMC_ CV *cv, SV **args, I32 items, AV *out, SV **error)
{
    mc_sub_call a = { cv, args, items, (SV *)out };
    return mc_guard(aTHX_ do_list, &a, error);
}

typedef struct {
    SV *source;
    CV *callback;
    SV *out;
    SV *failure;
} mc_eval_call;

static void do_eval(pTHX_ void *argument)
{
    mc_eval_call *a = (mc_eval_call *)argument;
    dSP;
    ENTER;
    SAVETMPS;
    CLEAR_ERRSV();
    PUSHMARK(SP);
    mXPUSHs(newSVsv(a->source));
    PUTBACK;
    (void)call_sv((SV *)a->callback, G_SCALAR);
    SPAGAIN;
    a->out = newSVsv(POPs);
    PUTBACK;
    if (SvTRUE_NN(ERRSV)) {
        a->failure = newSVsv(ERRSV);
        CLEAR_ERRSV();
    }
    FREETMPS;
    LEAVE;
}

/* What callback makes of a source. $@, where that was left, goes into *failure. */
int mc_eval(pMC_ SV *source, CV *callback, SV **out, SV **failure, SV **error)
{
    mc_eval_call a = { source, callback, NULL, NULL };
    int status = mc_guard(aTHX_ do_eval, &a, error);
    *out = a.out;
    *failure = a.failure;
    return status;
}

static void do_require(pTHX_ void *argument)
{
    load_module(PERL_LOADMOD_NOIMPORT, newSVsv((SV *)argument), NULL);
}

/* Loads the module of that name. */
int mc_require(pMC_ SV *name, SV **error)
{
    return mc_guard(aTHX_ do_require, name, error);
}

static void do_warn(pTHX_ void *argument)
{
    warn_sv((SV *)argument);
}

int mc_warn(pMC_ SV *text, SV **error)
{
    return mc_guard(aTHX_ do_warn, text, error);
}
