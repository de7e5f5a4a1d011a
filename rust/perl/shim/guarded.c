/* What may run Perl code, and so may die or exit, done to values. */
#include "shim.h"

static void do_copy(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    a->out = newSVsv(a->sv);
}

/* A copy of sv, after its get magic. */
int mc_copy(pMC_ SV *sv, SV **copy, SV **error)
{
    mc_scalar a = { sv, NULL, 0 };
    int status = mc_guard(aTHX_ do_copy, &a, error);
    *copy = a.out;
    return status;
}

static void do_string(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    STRLEN len;
    const char *bytes = SvPV(a->sv, len);
    a->out = newSVpvn_flags(bytes, len, SvUTF8(a->sv));
}

/* A new plain string of what sv is in string context. */
int mc_string(pMC_ SV *sv, SV **string, SV **error)
{
    mc_scalar a = { sv, NULL, 0 };
    int status = mc_guard(aTHX_ do_string, &a, error);
    *string = a.out;
    return status;
}

static void do_free(pTHX_ void *argument)
{
    SvREFCNT_dec((SV *)argument);
}

/* Gives up sv, which may run a DESTROY. */
int mc_free(pMC_ SV *sv, SV **error)
{
    return mc_guard(aTHX_ do_free, sv, error);
}

static void do_weaken(pTHX_ void *argument)
{
    sv_rvweaken((SV *)argument);
}

/* Makes the reference weak, which may be the end of its target. */
int mc_weaken(pMC_ SV *reference, SV **error)
{
    return mc_guard(aTHX_ do_weaken, reference, error);
}

static void do_sever(pTHX_ void *argument)
{
    SV *sv = (SV *)argument;
    if (SvIMMORTAL(sv))
        return;
    if (SvMAGICAL(sv)) { /* what is tied would call its object */
        sv_unmagic(sv, PERL_MAGIC_tied);
        sv_unmagic(sv, PERL_MAGIC_tiedscalar);
        sv_unmagic(sv, PERL_MAGIC_tiedelem);
    }
    switch (SvTYPE(sv)) {
    case SVt_PVAV:
        av_clear((AV *)sv);
        break;
    case SVt_PVHV:
        hv_clear((HV *)sv);
        break;
    default:
        if (SvROK(sv))
            sv_unref_flags(sv, SV_IMMEDIATE_UNREF);
        break;
    }
}

/* Empties a container or a reference. */
int mc_sever(pMC_ SV *sv, SV **error)
{
    return mc_guard(aTHX_ do_sever, sv, error);
}

static void do_overloaded(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    a->flag = Gv_AMG((HV *)a->sv) ? 1 : 0;
}

/* Whether the class overloads an operator. */
int mc_overloaded(pMC_ HV *stash, int *overloaded, SV **error)
{
    mc_scalar a = { (SV *)stash, NULL, 0 };
    int status;
    if (!HvAMAGIC(stash)) {
        *overloaded = 0;
        return MC_OK;
    }
    status = mc_guard(aTHX_ do_overloaded, &a, error);
    *overloaded = a.flag;
    return status;
}

static void do_matches(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    REGEXP *rx = SvRX(a->sv);
    a->flag = rx && pregexec(rx, SvPVX(a->out), SvEND(a->out), SvPVX(a->out), 0, a->out, 1) ? 1 : 0;
}

/* Whether the regular expression sv (qr//) matches the string. */
int mc_matches(pMC_ SV *sv, SV *string, int *matches, SV **error)
{
    mc_scalar a = { sv, string, 0 };
    int status = mc_guard(aTHX_ do_matches, &a, error);
    *matches = a.flag;
    return status;
}

typedef struct {
    HV *hv;
    SV *key;
    SV *value;
    int action;
    void *out;
} mc_hash_call;

static void do_hash(pTHX_ void *argument)
{
    mc_hash_call *a = (mc_hash_call *)argument;
    a->out = hv_common(a->hv, a->key, NULL, 0, 0, a->action, a->value, 0);
}

/* hv_common on a hash or with a key that may run Perl code or refuse (tied, restricted, overloaded). */
int mc_hash(pMC_ HV *hv, SV *key, int action, SV *value, void **out, SV **error)
{
    mc_hash_call a = { hv, key, value, action, NULL };
    int status = mc_guard(aTHX_ do_hash, &a, error);
    *out = a.out;
    return status;
}

static void do_derives(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    a->flag = sv_derived_from_sv(a->sv, a->out, 0) ? 1 : 0;
}

/* Whether sv is an object of the class, or of one derived from it. */
int mc_derives(pMC_ SV *sv, SV *class, int *derives, SV **error)
{
    mc_scalar a = { sv, class, 0 };
    int status = mc_guard(aTHX_ do_derives, &a, error);
    *derives = a.flag;
    return status;
}

static void do_push(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    SV *element = a->out;
    a->out = NULL;
    av_push((AV *)a->sv, element);
}

/* Appends to an array that is not only ours, which takes element over. */
int mc_push(pMC_ SV *array, SV *element, SV **error)
{
    mc_scalar a = { array, element, 0 };
    return mc_guard(aTHX_ do_push, &a, error);
}

static void do_point(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    SV *reference = sv_2mortal(newRV_noinc(a->out));
    sv_setsv(a->sv, reference);
}

/* Makes a scalar that is not only ours refer to target, which it takes over. */
int mc_point(pMC_ SV *scalar, SV *target, SV **error)
{
    mc_scalar a = { scalar, target, 0 };
    return mc_guard(aTHX_ do_point, &a, error);
}

typedef struct {
    SV *variable;
    SV *object;
    SV *key;
    I32 index;
    int how;
} mc_tie_call;

static void do_tie(pTHX_ void *argument)
{
    mc_tie_call *a = (mc_tie_call *)argument;
    if (SvTYPE(a->variable) < SVt_PVMG)
        sv_upgrade(a->variable, SVt_PVMG);
    if (a->how == PERL_MAGIC_tiedelem)
        sv_magic(a->variable, a->object, a->how, (char *)a->key, a->key ? HEf_SVKEY : a->index);
    else
        sv_magic(a->variable, a->object, a->how, NULL, 0);
}

/* Ties a variable to an object, or makes it the element of something tied. None of the values is taken over. */
int mc_tie(pMC_ SV *variable, SV *object, int how, SV *key, I32 index, SV **error)
{
    mc_tie_call a = { variable, object, key, index, how };
    return mc_guard(aTHX_ do_tie, &a, error);
}
