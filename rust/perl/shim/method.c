/* Native methods: how they are called, and how they end. */
#include "shim.h"

/* So many are copied to the stack; nearly all calls have fewer. */
#define MC_FEW_ARGS 10

XS_INTERNAL(mc_method)
{
    dXSARGS;
    mc_outcome outcome = { MC_VALUE, NULL, NULL };
    SV *few[MC_FEW_ARGS];
    SV **args = few;
    I32 i;
    dSAVE_ERRNO; /* $! is the caller's; what goes wrong here is told in words */

    if (items > MC_FEW_ARGS)
        args = (SV **)SvPVX(sv_2mortal(newSV((STRLEN)items * sizeof(SV *))));
    /* Copied, for a callback may move the stack. */
    for (i = 0; i < items; i++)
        args[i] = ST(i);
    DPTR2FPTR(mc_body, XSANY.any_dptr)(aMC_ args, items, &outcome);

    if (outcome.warnings) {
        SSize_t n;
        sv_2mortal((SV *)outcome.warnings);
        if (outcome.end == MC_CROAK)
            sv_2mortal(outcome.value);
        for (n = 0; n <= av_len(outcome.warnings); n++)
            warn_sv(*av_fetch(outcome.warnings, n, 0));
        if (outcome.end == MC_CROAK)
            SvREFCNT_inc_simple_void_NN(outcome.value);
    }
    RESTORE_ERRNO;
    switch (outcome.end) {
    case MC_CROAK:
        croak_sv(sv_2mortal(outcome.value));
        break;
    case MC_SUPER: {
        I32 count;
        PUSHMARK(PL_stack_base + ax - 1);
        PL_stack_sp = PL_stack_base + ax + items - 1;
        count = call_sv(outcome.value, GIMME_V);
        XSRETURN(count);
    }
    case MC_LEAVE:
        JMPENV_JUMP(2);
        break;
    case MC_LIST: {
        AV *list = (AV *)outcome.value;
        SSize_t count = av_len(list) + 1;
        SP = PL_stack_base + ax - 1;
        EXTEND(SP, count);
        for (i = 0; i < count; i++)
            ST(i) = sv_2mortal(SvREFCNT_inc_simple_NN(*av_fetch(list, i, 0)));
        XSRETURN(count);
    }
    default:
        break;
    }
    if (!outcome.value)
        XSRETURN_EMPTY;
    if (items == 0) {
        SP = PL_stack_base + ax - 1;
        EXTEND(SP, 1);
    }
    ST(0) = outcome.value;
    XSRETURN(1);
}

int mc_context(pMC)
{
    switch (GIMME_V) {
    case G_VOID:
        return 0;
    case G_SCALAR:
        return 1;
    default:
        return 2;
    }
}

void mc_define(pMC_ const char *name, mc_body body)
{
    CV *cv = newXS(name, mc_method, __FILE__);
    CvXSUBANY(cv).any_dptr = FPTR2DPTR(void (*)(void *), body);
}
