/* What belongs to one interpreter: the extension's state, and calls that may die or exit. */
#include "shim.h"

typedef struct {
    mc_operation operation;
    void *argument;
} mc_call;

XS_INTERNAL(mc_guarded)
{
    dXSARGS;
    mc_call *call = INT2PTR(mc_call *, SvIVX(ST(0)));
    PERL_UNUSED_VAR(items);
    call->operation(aTHX_ call->argument);
    XSRETURN_EMPTY;
}

#define MY_CXT_KEY "Apache::Session::Memorycached::_guts"
typedef struct {
    CV *guarded;
    void *state;
} my_cxt_t;
START_MY_CXT

/* Has the operation die, exit or come back, and says which. */
int mc_guard(pTHX_ mc_operation operation, void *argument, SV **error)
{
    dMY_CXT;
    dJMPENV;
    mc_call call;
    int jump;
    int volatile status = MC_OK;

    call.operation = operation;
    call.argument = argument;
    JMPENV_PUSH(jump);
    if (jump == 0) {
        dSP;
        ENTER;
        SAVETMPS;
        save_scalar(PL_errgv); /* $@ belongs to the caller */
        PUSHSTACKi(PERLSI_UNKNOWN); /* next, last and goto don't see loops beyond it */
        PUSHMARK(SP);
        XPUSHs(sv_2mortal(newSViv(PTR2IV(&call))));
        PUTBACK;
        call_sv((SV *)MY_CXT.guarded, G_EVAL | G_DISCARD | G_VOID);
        if (SvTRUE_NN(ERRSV)) {
            *error = newSVsv(ERRSV);
            status = MC_DIED;
        }
        POPSTACK;
        FREETMPS;
        LEAVE;
    } else {
        status = MC_EXITED;
    }
    JMPENV_POP;
    return status;
}

extern void mc_state_free(void *state);

void *mc_state(pMC)
{
    dMY_CXT;
    return MY_CXT.state;
}

void mc_state_set(pMC_ void *state)
{
    dMY_CXT;
    MY_CXT.state = state;
}

static void at_exit(pTHX_ void *unused)
{
    dMY_CXT;
    void *state = MY_CXT.state;
    PERL_UNUSED_ARG(unused);
    MY_CXT.state = NULL;
    if (state)
        mc_state_free(state);
}

XS_INTERNAL(mc_clone)
{
    dXSARGS;
    MY_CXT_CLONE;
    PERL_UNUSED_VAR(items);
    MY_CXT.state = NULL; /* a thread opens its own connections */
    MY_CXT.guarded = get_cv("Apache::Session::Memorycached::_guarded", 0);
    call_atexit(at_exit, NULL);
    XSRETURN_EMPTY;
}

extern void mc_define_all(pMC);

/* Called by boot_Apache__Session__Memorycached, which Rust exports. */
void mc_boot(pMC_ CV *cv)
{
    dXSARGS;
    MY_CXT_INIT;
    PERL_UNUSED_VAR(items);
    PERL_UNUSED_VAR(cv);
    MY_CXT.state = NULL;
    MY_CXT.guarded = newXS("Apache::Session::Memorycached::_guarded", mc_guarded, __FILE__);
    newXS("Apache::Session::Memorycached::CLONE", mc_clone, __FILE__);
    mc_define_all(aMC);
    call_atexit(at_exit, NULL);
    XSRETURN_YES;
}
