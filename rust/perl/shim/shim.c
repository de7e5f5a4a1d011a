#include "shim.h"

/* ---- methods ------------------------------------------------------------------------------------------------- */

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
    DPTR2FPTR(mc_body, XSANY.any_dptr)(aTHX_ args, items, &outcome);

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

int mc_context(pTHX)
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

void mc_define(pTHX_ const char *name, mc_body body)
{
    CV *cv = newXS(name, mc_method, __FILE__);
    CvXSUBANY(cv).any_dptr = FPTR2DPTR(void (*)(void *), body);
}

/* ---- guarded calls: what may run Perl code, and so may die or exit --------------------------------------------- */

typedef void (*mc_operation)(pTHX_ void *argument);

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

static int mc_guard(pTHX_ mc_operation operation, void *argument, SV **error)
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

typedef struct {
    SV *sv;
    SV *out;
    int flag;
} mc_scalar;

static void do_signals(pTHX_ void *argument)
{
    PERL_UNUSED_ARG(argument);
    PERL_ASYNC_CHECK();
}

int mc_signals(pTHX_ SV **error)
{
    if (!PL_sig_pending)
        return MC_OK;
    return mc_guard(aTHX_ do_signals, NULL, error);
}

static void do_copy(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    a->out = newSVsv(a->sv);
}

/* A copy of sv, after its get magic. */
int mc_copy(pTHX_ SV *sv, SV **copy, SV **error)
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
int mc_string(pTHX_ SV *sv, SV **string, SV **error)
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
int mc_free(pTHX_ SV *sv, SV **error)
{
    return mc_guard(aTHX_ do_free, sv, error);
}

static void do_weaken(pTHX_ void *argument)
{
    sv_rvweaken((SV *)argument);
}

/* Makes the reference weak, which may be the end of its target. */
int mc_weaken(pTHX_ SV *reference, SV **error)
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
int mc_sever(pTHX_ SV *sv, SV **error)
{
    return mc_guard(aTHX_ do_sever, sv, error);
}

static void do_overloaded(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    a->flag = Gv_AMG((HV *)a->sv) ? 1 : 0;
}

/* Whether the class overloads an operator. */
int mc_overloaded(pTHX_ HV *stash, int *overloaded, SV **error)
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
int mc_matches(pTHX_ SV *sv, SV *string, int *matches, SV **error)
{
    mc_scalar a = { sv, string, 0 };
    int status = mc_guard(aTHX_ do_matches, &a, error);
    *matches = a.flag;
    return status;
}

int mc_is_regexp(pTHX_ SV *sv)
{
    return SvRXOK(sv) ? 1 : 0;
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
int mc_hash(pTHX_ HV *hv, SV *key, int action, SV *value, void **out, SV **error)
{
    mc_hash_call a = { hv, key, value, action, NULL };
    int status = mc_guard(aTHX_ do_hash, &a, error);
    *out = a.out;
    return status;
}

typedef struct {
    CV *cv;
    SV **args;
    I32 items;
    SV *out;
} mc_sub_call;

static void do_call(pTHX_ void *argument)
{
    mc_sub_call *a = (mc_sub_call *)argument;
    dSP;
    I32 i, count;
    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    EXTEND(SP, a->items);
    for (i = 0; i < a->items; i++)
        PUSHs(a->args[i]);
    PUTBACK;
    count = call_sv((SV *)a->cv, G_SCALAR);
    SPAGAIN;
    a->out = count > 0 ? newSVsv(POPs) : newSV(0);
    PUTBACK;
    FREETMPS;
    LEAVE;
}

/* Calls cv in scalar context; *out is an owned copy of what it returned. */
int mc_call_sub(pTHX_ CV *cv, SV **args, I32 items, SV **out, SV **error)
{
    mc_sub_call a = { cv, args, items, NULL };
    int status = mc_guard(aTHX_ do_call, &a, error);
    *out = a.out;
    return status;
}

typedef struct {
    CV *cv;
    SV **args;
    I32 items;
    AV *out;
} mc_list_call;

static void do_list(pTHX_ void *argument)
{
    mc_list_call *a = (mc_list_call *)argument;
    dSP;
    I32 i, count;
    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    EXTEND(SP, a->items);
    for (i = 0; i < a->items; i++)
        PUSHs(a->args[i]);
    PUTBACK;
    count = call_sv((SV *)a->cv, G_LIST);
    SPAGAIN;
    SP -= count;
    for (i = 0; i < count; i++)
        av_push(a->out, SvREFCNT_inc_simple_NN(SP[i + 1]));
    PUTBACK;
    FREETMPS;
    LEAVE;
}

/* Calls cv in list context; what it returned, not copies of it, is appended to out. */
int mc_call_list(pTHX_ CV *cv, SV **args, I32 items, AV *out, SV **error)
{
    mc_list_call a = { cv, args, items, out };
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
int mc_eval(pTHX_ SV *source, CV *callback, SV **out, SV **failure, SV **error)
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
int mc_require(pTHX_ SV *name, SV **error)
{
    return mc_guard(aTHX_ do_require, name, error);
}

static void do_derives(pTHX_ void *argument)
{
    mc_scalar *a = (mc_scalar *)argument;
    a->flag = sv_derived_from_sv(a->sv, a->out, 0) ? 1 : 0;
}

/* Whether sv is an object of the class, or of one derived from it. */
int mc_derives(pTHX_ SV *sv, SV *class, int *derives, SV **error)
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
int mc_push(pTHX_ SV *array, SV *element, SV **error)
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
int mc_point(pTHX_ SV *scalar, SV *target, SV **error)
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
int mc_tie(pTHX_ SV *variable, SV *object, int how, SV *key, I32 index, SV **error)
{
    mc_tie_call a = { variable, object, key, index, how };
    return mc_guard(aTHX_ do_tie, &a, error);
}

static void do_warn(pTHX_ void *argument)
{
    warn_sv((SV *)argument);
}

int mc_warn(pTHX_ SV *text, SV **error)
{
    return mc_guard(aTHX_ do_warn, text, error);
}

/* ---- native values behind Perl objects -------------------------------------------------------------------------- */

extern void mc_native_free(int kind, void *native);
extern void *mc_native_clone(int kind, void *native);

extern SV *mc_lazy_get(pTHX_ SV *slot);

#define MC_KINDS 3
#define MC_LAZY 2
static MGVTBL native_vtbl[MC_KINDS];

#define KIND_OF(mg) ((int)((mg)->mg_virtual - native_vtbl))

static int native_free(pTHX_ SV *sv, MAGIC *mg)
{
    PERL_UNUSED_ARG(sv);
    if (mg->mg_ptr)
        mc_native_free(KIND_OF(mg), mg->mg_ptr);
    mg->mg_ptr = NULL;
    return 0;
}

#ifdef USE_ITHREADS
static int native_dup(pTHX_ MAGIC *mg, CLONE_PARAMS *param)
{
    PERL_UNUSED_ARG(param);
    if (mg->mg_ptr)
        mg->mg_ptr = (char *)mc_native_clone(KIND_OF(mg), mg->mg_ptr);
    return 0;
}
#endif

/* Somebody reads a slot that is only partly filled: it is filled now, and is a slot like any other from then on. */
static int lazy_get(pTHX_ SV *sv, MAGIC *mg)
{
    SV *error = mc_lazy_get(aTHX_ sv);
    PERL_UNUSED_ARG(mg);
    if (error)
        croak_sv(sv_2mortal(error));
    sv_unmagicext(sv, PERL_MAGIC_ext, &native_vtbl[MC_LAZY]);
    return 0;
}

/* Somebody reads a key of the object that has such a slot. An XS function that is given the slot itself may not ask its
   magic; so who as much as looks it up by its name gets it filled. */
static I32 lazy_key(pTHX_ IV action, SV *object)
{
    MAGIC *mg = mg_find(object, PERL_MAGIC_uvar);
    SV *key = mg ? mg->mg_obj : NULL;
    PERL_UNUSED_ARG(action);
    if (key && SvPOK(key) && SvCUR(key) == 4 && memEQ(SvPVX_const(key), "data", 4)) {
        SV **slot = (SV **)hv_common((HV *)object, key, NULL, 0, 0, HV_FETCH_JUST_SV | HV_DISABLE_UVAR_XKEY, NULL, 0);
        if (slot && SvGMAGICAL(*slot) && mg_findext(*slot, PERL_MAGIC_ext, &native_vtbl[MC_LAZY]))
            mg_get(*slot);
    }
    return 0;
}

static int is_watch(MAGIC *mg)
{
    return mg->mg_type == PERL_MAGIC_uvar && ((struct ufuncs *)mg->mg_ptr)->uf_val == lazy_key;
}

void mc_lazy_watch(pTHX_ HV *object)
{
    struct ufuncs functions = { lazy_key, NULL, 0 };
    if (!SvMAGIC((SV *)object) || !mg_find((SV *)object, PERL_MAGIC_uvar))
        sv_magic((SV *)object, NULL, PERL_MAGIC_uvar, (char *)&functions, sizeof functions);
}

/* Somebody put something else there. */
static int lazy_set(pTHX_ SV *sv, MAGIC *mg)
{
    PERL_UNUSED_ARG(mg);
    sv_unmagicext(sv, PERL_MAGIC_ext, &native_vtbl[MC_LAZY]);
    return 0;
}

#ifdef USE_ITHREADS
#define NATIVE_DUP native_dup
#else
#define NATIVE_DUP NULL
#endif

/* One table for each kind of value: by its address a value is known to be of that kind. */
static MGVTBL native_vtbl[MC_KINDS] = {
    { NULL, NULL, NULL, NULL, native_free, NULL, NATIVE_DUP, NULL },
    { NULL, NULL, NULL, NULL, native_free, NULL, NATIVE_DUP, NULL },
    { lazy_get, lazy_set, NULL, NULL, native_free, NULL, NATIVE_DUP, NULL },
};

void mc_native_attach(pTHX_ SV *sv, int kind, void *native)
{
    MAGIC *mg = sv_magicext(sv, NULL, PERL_MAGIC_ext, &native_vtbl[kind], NULL, 0);
    mg->mg_ptr = (char *)native;
#ifdef USE_ITHREADS
    mg->mg_flags |= MGf_DUP;
#endif
}

/* The value of that kind behind an object, or NULL. */
void *mc_native_of(SV *sv, int kind)
{
    MAGIC *mg = SvTYPE(sv) >= SVt_PVMG ? mg_findext(sv, PERL_MAGIC_ext, &native_vtbl[kind]) : NULL;
    return mg ? mg->mg_ptr : NULL;
}

/* Takes the value of that kind away from an object. */
void mc_native_detach(pTHX_ SV *sv, int kind)
{
    sv_unmagicext(sv, PERL_MAGIC_ext, &native_vtbl[kind]);
}

/* ---- new values: what perl's own constructors do, where newSV_type is inlined for a known type ------------------------ */

SV *mc_new_string(pTHX_ const char *bytes, STRLEN len, U32 flags)
{
    SV *sv = newSV_type(SVt_PV);
    /* A NUL, and the byte in which perl counts the sharers of a buffer. */
    STRLEN size = len + 2 < 16 ? 16 : len + 2;
    char *buffer = (char *)safemalloc(size);
    Copy(bytes, buffer, len, char);
    buffer[len] = '\0';
    SvPV_set(sv, buffer);
    SvCUR_set(sv, len);
    SvLEN_set(sv, size);
    SvFLAGS(sv) |= SVf_POK | SVp_POK | flags;
    return sv;
}

SV *mc_new_integer(pTHX_ IV value)
{
    SV *sv = newSV_type(SVt_IV);
    SvIV_set(sv, value);
    SvIOK_on(sv);
    return sv;
}

/* An undefined scalar that can become a reference in place. */
SV *mc_new_reference(pTHX)
{
    return newSV_type(SVt_IV);
}

/* Records rather than tables: beyond this, perl's own choices fit. */
#define MC_MANY_KEYS 1000

/* An empty array with room for that many elements. */
SV *mc_new_array(pTHX_ STRLEN elements)
{
    SV *sv = newSV_type(SVt_PVAV);
    if (elements) {
        AV *av = (AV *)sv;
        SV **array;
        Newx(array, elements, SV *);
        Zero(array, elements, SV *); /* a hook may see it before it is full */
        AvALLOC(av) = AvARRAY(av) = array;
        AvMAX(av) = (SSize_t)elements - 1;
    }
    return sv;
}

/* An empty hash with room for that many keys. As hv_ksplit makes it, but for two things. That takes memory that calloc
   clears, and glibc's calloc never takes the array that the last session gave back, and tidies all free memory instead;
   and from perl 5.36 on it gives a hash of more than 42 keys copies of them, where sessions have the same keys again
   and again. */
SV *mc_new_hash(pTHX_ STRLEN keys)
{
    SV *sv = newSV_type(SVt_PVHV);
    HV *hv = (HV *)sv;
    if (keys > MC_MANY_KEYS) {
        hv_ksplit(hv, (IV)keys);
    } else if (keys) {
        STRLEN buckets = HvMAX(hv) + 1;
        char *array;
        while (buckets < keys + keys / 2)
            buckets *= 2;
        Newx(array, PERL_HV_ARRAY_ALLOC_BYTES(buckets), char);
        Zero(array, PERL_HV_ARRAY_ALLOC_BYTES(buckets), char);
        HvARRAY(hv) = (HE **)array;
        HvMAX(hv) = buckets - 1;
    }
    return sv;
}

/* ---- macros as functions -------------------------------------------------------------------------------------------- */

/* Makes a new value an object. */
void mc_bless(pTHX_ SV *sv, HV *stash)
{
    SvUPGRADE(sv, SVt_PVMG);
    if (SvOBJECT(sv))
        SvREFCNT_dec((SV *)SvSTASH(sv));
    SvOBJECT_on(sv);
    SvSTASH_set(sv, (HV *)SvREFCNT_inc_simple_NN((SV *)stash));
}

/* A hash knows how many of its keys are only allowed, not there. */
void mc_add_placeholders(pTHX_ HV *hash, int more)
{
    HvPLACEHOLDERS_set(hash, HvPLACEHOLDERS_get(hash) + more);
}

CV *mc_glob_sub(GV *glob)
{
    return isGV_with_GP((SV *)glob) ? GvCV(glob) : NULL;
}

SV *mc_glob_scalar(GV *glob)
{
    return isGV_with_GP((SV *)glob) ? GvSV(glob) : NULL;
}

/* Whether objects of the class can only be made by its own constructor (perl 5.38's class). */
int mc_is_class(pTHX_ HV *stash)
{
#ifdef HvSTASH_IS_CLASS
    return HvSTASH_IS_CLASS(stash) ? 1 : 0;
#else
    PERL_UNUSED_ARG(stash);
    return 0;
#endif
}

const char *mc_stash_name(pTHX_ HV *stash, STRLEN *len)
{
    const char *name = HvNAME_get(stash);
    *len = name ? (STRLEN)HvNAMELEN_get(stash) : 0;
    return name;
}

int mc_is_utf8(const char *bytes, STRLEN len)
{
    return is_utf8_string((const U8 *)bytes, len) ? 1 : 0;
}

int mc_is_tied(SV *sv, int how)
{
    return SvRMAGICAL(sv) && mg_find(sv, how) ? 1 : 0;
}

/* What a tied variable or an element of one is tied to; an element has its key, or else its index. */
int mc_tied_to(SV *sv, int how, SV **object, SV **key, I32 *index)
{
    MAGIC *mg = SvTYPE(sv) >= SVt_PVMG && SvMAGICAL(sv) ? mg_find(sv, how) : NULL;
    if (!mg)
        return 0;
    *object = mg->mg_obj;
    *key = mg->mg_len == HEf_SVKEY ? (SV *)mg->mg_ptr : NULL;
    *index = (I32)mg->mg_len;
    return 1;
}

/* Whether accessing sv does more than it says: any magic but what extensions keep there and weak references. */
int mc_is_active(SV *sv)
{
    MAGIC *mg;
    for (mg = SvMAGIC(sv); mg; mg = mg->mg_moremagic)
        if (mg->mg_type != PERL_MAGIC_ext && mg->mg_type != PERL_MAGIC_backref && mg->mg_type != PERL_MAGIC_rhash
            && !is_watch(mg))
            return 1;
    return 0;
}

int mc_is_bool(SV *sv)
{
#ifdef SvIsBOOL
    dTHX;
    return SvIsBOOL(sv) ? 1 : 0;
#else
    PERL_UNUSED_ARG(sv);
    return 0;
#endif
}

SV *mc_undef(pTHX)
{
    return &PL_sv_undef;
}

SV *mc_yes(pTHX)
{
    return &PL_sv_yes;
}

SV *mc_no(pTHX)
{
    return &PL_sv_no;
}

SV *mc_placeholder(pTHX)
{
    return &PL_sv_placeholder;
}

/* ---- the interpreter's own state --------------------------------------------------------------------------------- */

extern void mc_state_free(void *state);

void *mc_state(pTHX)
{
    dMY_CXT;
    return MY_CXT.state;
}

void mc_state_set(pTHX_ void *state)
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

extern void mc_define_all(pTHX);

/* Called by boot_Apache__Session__Memorycached, which Rust exports. */
void mc_boot(pTHX_ CV *cv)
{
    dXSARGS;
    MY_CXT_INIT;
    PERL_UNUSED_VAR(items);
    PERL_UNUSED_VAR(cv);
    MY_CXT.state = NULL;
    MY_CXT.guarded = newXS("Apache::Session::Memorycached::_guarded", mc_guarded, __FILE__);
    newXS("Apache::Session::Memorycached::CLONE", mc_clone, __FILE__);
    mc_define_all(aTHX);
    call_atexit(at_exit, NULL);
    XSRETURN_YES;
}
